import type { EventEmitter } from 'node:events';
import { STATUS_CODES } from 'node:http';
import { fromEvent, merge, NEVER, type Observable, of } from 'rxjs';
import type { IncomingRequest } from '../../options/auth-handler.js';
import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import type { RefusalBody } from '../refusals.js';

/** An authenticated socket; combine it with the type of its library: `Socket & AuthenticatedSocket<User>`. */
export interface AuthenticatedSocket<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  /** The user, after `postAuthHandler`. */
  user: TUser;
  /** The session; its deadlines are updated when the session is refreshed. */
  auth: TToken;
}

/** The request that opened a socket, as Node keeps it. */
export interface UpgradeRequest extends IncomingRequest {
  url?: string;
  rawHeaders?: string[];
}

/** What is used of a socket of Socket.IO. */
export interface SocketIoSocket extends EventEmitter, Partial<AuthenticatedSocket> {
  /** The request that opened the connection. */
  request: UpgradeRequest;
  /** What the client gave for this namespace. */
  handshake: { auth: Record<string, unknown> };
  connected: boolean;
  disconnect(close: boolean): unknown;
  /** The connection, which sockets of several namespaces share. */
  conn: EventEmitter & { readyState: string; close(): unknown };
}

/** What is used of a socket of `ws`. */
export interface WsSocket extends EventEmitter, Partial<AuthenticatedSocket> {
  /** The request that opened it, kept there by its gateway. */
  upgradeReq?: UpgradeRequest;
  readyState: number;
  close(code: number, reason: string): void;
  pause(): void;
  resume(): void;
}

export type Socket = SocketIoSocket | WsSocket;

/** `readyState` of a socket that is closing or closed. */
const CLOSING = 2;

export function isSocketIo(socket: Socket): socket is SocketIoSocket {
  return 'handshake' in socket;
}

/** Emits when a socket is closed, at once if it is already. */
export function closed(socket: Socket): Observable<unknown> {
  if (!isSocketIo(socket))
    return merge(socket.readyState >= CLOSING ? of(undefined) : NEVER, fromEvent(socket, 'close'));
  // In a middleware a socket is not connected yet, and not told either when its connection is lost.
  const { conn } = socket;
  const isLost = conn.readyState.startsWith('clos');
  return merge(isLost ? of(undefined) : NEVER, fromEvent(socket, 'disconnect'), fromEvent(conn, 'close'));
}

/**
 * Closes a socket and tells its client why: Socket.IO by the event `exception`, as Nest tells of refusals, before the
 * disconnection; `ws` by the close code, 4000 more than the HTTP status (4401, 4403, 4503), and that status's name as reason.
 * No message that arrives from now on is handled.
 */
export function closeSocket(socket: Socket, body: RefusalBody): void {
  if (!isSocketIo(socket)) {
    socket.removeAllListeners('message');
    socket.close(4000 + body.statusCode, STATUS_CODES[body.statusCode] ?? '');
    // Or the client's farewell would not be heard.
    socket.resume();
  } else if (socket.connected) {
    socket.emit('exception', { status: 'error', ...body });
    socket.disconnect(true);
  } else {
    socket.conn.close();
  }
}
