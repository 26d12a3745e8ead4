import type { ResolvedOptions } from '../options/resolved-options.js';
import { opensWebSocket } from './sockets/websocket-handshake.js';
import type { TransportRequest } from './transport-request.js';

/** Methods that change nothing (RFC 9110 §9.2.1). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Whether a request's method promises to change nothing. */
export function isSafe({ method }: TransportRequest): boolean {
  return SAFE_METHODS.has(method ?? '');
}

/**
 * Whether a request comes from another site and could change something: not to be done with the user's cookie (R54).
 * Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`; what sends neither is no browser. The `GET` that opens a
 * socket counts as unsafe, also the one by which Socket.IO starts polling.
 */
export function isForeignWrite(request: TransportRequest, csrf: ResolvedOptions['csrf']): boolean {
  if (csrf === false) return false;
  const isWebSocket = opensWebSocket(request);
  const opensSocket = isWebSocket || request.openedSocket !== undefined;
  if (isSafe(request) && !opensSocket) return false;
  const origin = request.headers.origin;
  const site = request.headers['sec-fetch-site'];
  if (typeof origin === 'string' && csrf.trustedOrigins.includes(origin)) return false;
  // Every browser names the origin of a WebSocket (R55). Few say Sec-Fetch-Site there, and Mercurius adds to the headers
  // what a page says in its connection parameters: that it has no objection proves nothing.
  if (isWebSocket && !isOwnOrigin(origin, request)) return true;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin !== undefined) return !isOwnOrigin(origin, request);
  return csrf.requireOrigin || opensSocket;
}

/**
 * Where a request was sent to: `Host`, or the `:authority` that HTTP/2 has in its place. One that has both and
 * contradicts itself is malformed (RFC 9113 §8.3.1), and no origin is its own.
 */
export function hostsOf({ headers }: TransportRequest): (string | string[])[] {
  return [headers[':authority'], headers.host].filter((host) => host !== undefined);
}

function isOwnOrigin(origin: unknown, request: TransportRequest): boolean {
  const hosts = hostsOf(request);
  return hosts.length > 0 && hosts.every((host) => isSameHost(origin, host));
}

function isSameHost(origin: unknown, host: unknown): boolean {
  if (typeof origin !== 'string' || typeof host !== 'string' || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  // Behind TLS termination only the proxy knows the scheme; a Host without port means that scheme's own.
  return (
    url.origin !== 'null' &&
    URL.canParse(`${url.protocol}//${host}`) &&
    new URL(`${url.protocol}//${host}`).host === url.host
  );
}
