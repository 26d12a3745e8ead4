import type { IncomingRequest } from '../options/auth-handler.js';
import type { AuthType } from '../sessions/auth-type.js';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { Socket } from './sockets/socket.js';

/** A request that a guard has accepted; combine it with the type of the adapter: `Request & AuthenticatedRequest<User>`. */
export interface AuthenticatedRequest<TUser = unknown, TToken = AbstractAuthToken<TUser>> extends IncomingRequest {
  /** The user, after `postAuthHandler`. */
  user: TUser;
  /** The session. */
  auth: TToken;
}

/** A request on any transport, authenticated or not, as guards and interceptors see it. */
export interface TransportRequest extends IncomingRequest {
  method?: string;
  /** Path and query string from the request line. */
  url?: string;
  /** Header names and values as received; Fastify keeps them on `raw`. */
  rawHeaders?: string[];
  raw?: { rawHeaders?: string[] };
  /** The body, as parsed by the adapter. */
  body?: unknown;
  /** The parameters of the path. */
  params?: Record<string, string>;
  /** The query, as parsed by the adapter. */
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

/** The credential of a request, valid or not. */
export interface PresentedCredential {
  /** The transport, on which `enableAuthRestriction` and the cross-site check depend. */
  authType: AuthType;
  /** The token as received; empty if there was not exactly one well-formed credential. */
  rawToken: string;
  /** The name of the cookie. */
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
