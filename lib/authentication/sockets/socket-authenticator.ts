import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../../constants.js';
import type { IncomingRequest } from '../../options/auth-handler.js';
import type { ResolvedOptions } from '../../options/resolved-options.js';
import type { AbstractAuthToken, AnyAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { type RefusalBody, refusalBodyOf, unauthorized } from '../refusals.js';
import { credentialInCookies } from '../credentials/cookies.js';
import { credentialInHeader } from '../credentials/authorization-header.js';
import { RequestAuthenticator } from '../authenticator.js';
import type { PresentedCredential, TransportRequest } from '../request.js';
import { closeSocket, isSocketIo, type Socket } from './socket.js';
import { socketRequestOf } from './socket-request.js';

/**
 * Authenticates sockets when they open, by the header or else the cookie of the request that opened them; for Socket.IO also
 * by `auth: { token }` of the client. Sets `user` and `auth` on the socket, for guards and handlers, and closes it when its
 * session ends. Messages then cost no query.
 */
@Injectable()
export class SocketAuthenticator {
  private readonly logger = new Logger('SocketAuthenticator');

  @Inject(AUTHENTIFY_OPTIONS) protected readonly options: ResolvedOptions;
  @Inject() private readonly authenticator: RequestAuthenticator;

  /**
   * For the `handleConnection` of a gateway. A refused socket is closed, and its client learns the reason: with `ws` by the
   * close code, 4000 + HTTP status (4401, 4403, 4503); with Socket.IO by the event `exception`. Until then, messages of `ws`
   * wait. Messages of Socket.IO do not, so protect the handlers, or use {@link SocketAuthenticator.middleware}.
   *
   * @param client the client of Socket.IO or `ws`.
   * @param request the second argument of `handleConnection`; only for `ws`.
   * @returns the session, or `null` for a refused socket.
   */
  async authenticate<TToken extends AnyAuthToken = AbstractAuthToken>(
    client: object,
    request?: IncomingRequest,
  ): Promise<TToken | null> {
    const socket = client as Socket;
    if (!isSocketIo(socket)) {
      if (request) socket.upgradeReq = request;
      socket.pause();
    }
    try {
      const token = await this.verify(socket);
      if (!isSocketIo(socket)) socket.resume();
      return token as unknown as TToken;
    } catch (error) {
      closeSocket(socket, this.bodyFor(error));
      return null;
    }
  }

  /**
   * The same as a Socket.IO middleware, so that no socket is connected before it is authenticated. A refused client gets a
   * `connect_error` whose `data` has the reason.
   *
   * @example `afterInit(server: Server) { server.use(this.sockets.middleware); }`
   */
  readonly middleware = (client: object, next: (error?: Error) => void): void => {
    void this.admit(client as Socket, next);
  };

  /**
   * Returns the credential of the request that opened a socket, or `null` if there is none. Override it to read another
   * place, such as a ticket in the query string of `request.url`. Default: the `Authorization` header or
   * `auth: { token }` of a Socket.IO client, else the cookies; never the query string (R11).
   *
   * @throws BadRequestException (400) for more than one `Authorization` header.
   */
  protected credentialIn(request: TransportRequest): PresentedCredential | null {
    return (
      credentialInHeader(request, this.options.authHeaderPrefixes) ??
      credentialInCookies(request, this.options.authCookieNames)
    );
  }

  private async admit(socket: Socket, next: (error?: Error) => void): Promise<void> {
    let refusal: Error | undefined;
    try {
      await this.verify(socket);
    } catch (error) {
      const body = this.bodyFor(error);
      refusal = Object.assign(new Error(body.message), { data: body });
    }
    next(refusal);
  }

  private async verify(socket: Socket): Promise<AbstractAuthToken> {
    const request = socketRequestOf(socket);
    const credential = this.credentialIn(request);
    if (!credential) throw unauthorized();
    const { user, token } = await this.authenticator.authenticate(request, credential);
    request.user = user;
    return token;
  }

  private bodyFor(error: unknown): RefusalBody {
    const body = refusalBodyOf(error);
    if (body) return body;
    this.logger.error('A socket was refused', error instanceof Error ? error.stack : undefined);
    return { statusCode: 500, message: 'Internal server error' };
  }
}
