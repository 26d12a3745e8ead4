import type { IncomingRequest } from '../options/auth-handler.js';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { Socket } from './sockets/socket.js';

/** A request after a guard let it pass; combine it with the adapter's type: `Request & AuthenticatedRequest<User>`. */
export interface AuthenticatedRequest<TUser = unknown, TToken = AbstractAuthToken<TUser>> extends IncomingRequest {
  /** Who it acts as, as `postAuthHandler` decided. */
  user: TUser;
  /** The session's token. */
  auth: TToken;
}

/** A request as guards and interceptors meet it, on any transport, authenticated or not. */
export interface TransportRequest extends IncomingRequest {
  method?: string;
  /** Header names and values as they stood on the wire; Fastify keeps them on `raw`. */
  rawHeaders?: string[];
  raw?: { rawHeaders?: string[] };
  /** As the adapter's body parser left it. */
  body?: unknown;
  /** Of the path, as the router found them. */
  params?: Record<string, string>;
  /** As the adapter's query parser left it. */
  query?: unknown;
  /** The Express application that serves it. */
  app?: object;
  /** The Fastify instance that serves it. */
  server?: object;
  /** The socket it opened, which lives on after it. */
  openedSocket?: Socket;
  /** `auth.token` of a Socket.IO client: pages cannot set headers on a WebSocket. */
  handshakeToken?: unknown;
  user?: unknown;
  auth?: AbstractAuthToken;
}
