import type { IncomingRequest } from '../../options/auth-handler.js';
import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import type { TransportRequest } from '../request.js';
import { isSocketIo, type Socket, type UpgradeRequest } from './socket.js';

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
  const upgrade = isSocketIo(socket) ? socket.request : socket.upgradeReq;
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
  readonly url?: string;
  readonly headers: IncomingRequest['headers'];
  readonly rawHeaders: string[];
  readonly handshakeToken: unknown;

  constructor(
    readonly openedSocket: Socket,
    upgrade: UpgradeRequest,
  ) {
    if (upgrade.url !== undefined) this.url = upgrade.url;
    this.headers = upgrade.headers;
    this.rawHeaders = upgrade.rawHeaders ?? [];
    this.handshakeToken = isSocketIo(openedSocket) ? openedSocket.handshake.auth.token : undefined;
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
