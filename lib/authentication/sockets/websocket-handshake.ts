import type { TransportRequest } from '../transport-request.js';

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
