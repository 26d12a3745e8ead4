import type { IncomingRequest } from '../../options/auth-handler.interface.js';
import type { AbstractAuthToken } from '../../tokens/entities/abstract-auth-token.js';
import type { TransportRequest } from '../transport-request.js';

/** A socket after it was authenticated; combine it with the library's type: `Socket & AuthenticatedSocket<User>`. */
export interface AuthenticatedSocket<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  /** Who it acts as, as `postAuthHandler` decided. */
  user: TUser;
  /** The session's token; its deadlines move along when the session is refreshed. */
  auth: TToken;
}

/** The request that opened a socket, as Node keeps it. */
interface UpgradeRequest extends IncomingRequest {
  rawHeaders?: string[];
}

/** What is used of a socket of Socket.IO or `ws`, without either package. */
export interface Socket extends Partial<AuthenticatedSocket> {
  /** Socket.IO: the request that opened it, and what its client gave as `auth`. */
  request?: UpgradeRequest;
  handshake?: { auth?: Record<string, unknown> };
  /** `ws`: kept there by the gateway. */
  upgradeReq?: UpgradeRequest;
}

/** One request for each socket, so that what was found out about it is known to the next message. */
const requests = new WeakMap<Socket, TransportRequest>();

/**
 * The request that opened a socket, with the user and the token of that socket as its own.
 *
 * @throws Error for a socket whose gateway did not keep the request, so that it stays closed.
 */
export function socketRequestOf(socket: Socket): TransportRequest {
  const known = requests.get(socket);
  if (known) return known;
  const upgrade = socket.upgradeReq ?? socket.request;
  if (!upgrade) {
    throw new Error(
      'nestjs-authentify: this socket does not know the request that opened it; nothing was authenticated. In ' +
        'handleConnection(client, request) call SocketAuthenticator.authenticate(client, request), or set ' +
        'client.upgradeReq = request',
    );
  }
  const request = new SocketRequest(socket, upgrade);
  requests.set(socket, request);
  return request;
}

class SocketRequest implements TransportRequest {
  readonly method = 'GET';
  readonly headers: IncomingRequest['headers'];
  readonly rawHeaders: string[];
  readonly handshakeToken: unknown;

  constructor(
    readonly openedSocket: Socket,
    upgrade: UpgradeRequest,
  ) {
    this.headers = upgrade.headers;
    this.rawHeaders = upgrade.rawHeaders ?? [];
    this.handshakeToken = openedSocket.handshake?.auth?.token;
  }

  get user(): unknown {
    return this.openedSocket.user;
  }

  set user(user: unknown) {
    this.openedSocket.user = user;
  }

  get auth(): AbstractAuthToken | undefined {
    return this.openedSocket.auth;
  }

  set auth(token: AbstractAuthToken | undefined) {
    this.openedSocket.auth = token;
  }
}
