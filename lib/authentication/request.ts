import type { IncomingRequest } from '../options/auth-handler.js';
import type { AuthType } from '../sessions/auth-type.js';
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
  /** Path and query string, as they stood in the request line. */
  url?: string;
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
  /** @internal The socket it opened, which lives on after it. */
  openedSocket?: Socket;
  /** `auth.token` of a Socket.IO client: pages cannot set headers on a WebSocket. */
  handshakeToken?: unknown;
  user?: unknown;
  auth?: AbstractAuthToken;
}

/** What a request presents as its credential, good or bad. */
export interface Credential {
  /** How it travels: what it may be used for depends on that (`enableAuthRestriction`, the cross-site check). */
  authType: AuthType;
  /** As presented; empty where it was no single well-formed one, which no token ever is. */
  rawToken: string;
  /** The cookie it came in. */
  cookieName?: string;
}

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether a request's method promises to change nothing. */
export function isSafe({ method }: TransportRequest): boolean {
  return SAFE_METHODS.has(method ?? '');
}

/**
 * Whether a request asks to become a WebSocket: a `GET` with `Upgrade: websocket` (RFC 6455 §4.1), or over HTTP/2 an
 * extended `CONNECT` (RFC 8441 §4). An upgrade to anything else, such as `h2c`, is an offer that servers decline by
 * answering the request as it is (RFC 9110 §7.8).
 */
export function opensWebSocket({ method = 'GET', headers }: TransportRequest): boolean {
  if (headers[':protocol'] !== undefined) return true;
  return method === 'GET' && String(headers.upgrade).split(',').some(isWebSocket);
}

function isWebSocket(protocol: string): boolean {
  return protocol.trim().toLowerCase() === 'websocket';
}
