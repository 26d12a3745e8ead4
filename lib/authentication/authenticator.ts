import { Injectable } from '@nestjs/common';
import { EMPTY, finalize, from, switchMap, takeUntil } from 'rxjs';
import type { AuthHandlerResult } from '../options/auth-handler.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { SessionWatcher } from '../sessions/watcher.js';
import { Verification } from '../sessions/verification.js';
import { hiddenField } from '../sessions/hidden.js';
import { AuthHooks } from './hooks.js';
import type { PresentedCredential, TransportRequest } from './request.js';
import { CrossSiteCheck } from './csrf.js';
import { INVALID_TOKEN, unauthorized } from './refusals.js';
import { closed, closeSocket, type Socket } from './sockets/socket.js';

/** What a request was authenticated with. */
export interface Authentication {
  readonly credential: PresentedCredential;
  /** Who the request acts as; settles once, however many guards ask. */
  readonly result: Promise<AuthHandlerResult>;
  /** The session as verified, whatever a hook made of it; absent until then. */
  token?: AnyAuthToken;
  /** The extension of the session, under way or done: one for a request, however many resolvers run for it. */
  slide?: Promise<void>;
}

/**
 * Turns a presented credential into `request.user` and `request.auth`, once per request. A request that opened a socket
 * lives as long as that: its session is watched, and the socket is closed when it ends.
 */
@Injectable()
export class RequestAuthenticator {
  // Unseen on the request, and private here too, so that nothing can log a raw token by accident (R63).
  readonly #authentications = hiddenField<Authentication[]>();

  constructor(
    private readonly crossSite: CrossSiteCheck,
    private readonly verifier: Verification,
    private readonly hooks: AuthHooks,
    private readonly sessions: SessionWatcher,
  ) {}

  /**
   * Verifies what the request presented. Several guards on one route, and the messages of one socket, share the look-up.
   *
   * @throws UnauthorizedException for a bad credential, ForbiddenException for a foreign site's use of a cookie.
   */
  async authenticate(request: TransportRequest, credential: PresentedCredential): Promise<AuthHandlerResult> {
    const known = this.knownOf(request).find((one) => isSame(one.credential, credential));
    const authentication = known && (await this.isCurrent(request, known)) ? known : this.begin(request, credential);
    const result = await authentication.result;
    request.auth = result.token;
    return result;
  }

  /** What this request was last authenticated with; `undefined` where it was not. */
  authenticationOf(request: TransportRequest): Authentication | undefined {
    return this.knownOf(request).at(-1);
  }

  private begin(request: TransportRequest, credential: PresentedCredential): Authentication {
    const authentication: Authentication = {
      credential,
      result: this.verify(request, credential, (token) => {
        authentication.token = token;
      }),
    };
    this.#authentications.set(request, [...this.knownOf(request), authentication]);
    if (request.openedSocket) this.watch(request, request.openedSocket, authentication);
    return authentication;
  }

  /** A socket whose session is over is closed. What was found out about it is known only while it is watched. */
  private watch(request: TransportRequest, socket: Socket, authentication: Authentication): void {
    from(authentication.result)
      .pipe(
        switchMap(() => (authentication.token ? this.sessions.ended(authentication.token) : EMPTY)),
        takeUntil(closed(socket)),
        finalize(() => this.forget(request, authentication)),
      )
      .subscribe({
        next: () => {
          this.forget(request, authentication);
          request.user = undefined;
          request.auth = undefined;
          closeSocket(socket, INVALID_TOKEN);
        },
        // It is the caller's to tell; the next message tries again.
        error: () => {},
      });
  }

  private forget(request: TransportRequest, authentication: Authentication): void {
    const others = this.knownOf(request).filter((one) => one !== authentication);
    this.#authentications.set(request, others);
  }

  private knownOf(request: TransportRequest): Authentication[] {
    return this.#authentications.get(request) ?? [];
  }

  /** Between the moment a socket's session seems to expire and the look-up that tells, only that look-up can tell. */
  private async isCurrent(request: TransportRequest, known: Authentication): Promise<boolean> {
    if (!request.openedSocket || !known.token?.isExpired) return true;
    await this.sessions.check(known.token);
    return !known.token.isExpired && this.knownOf(request).includes(known);
  }

  private async verify(
    request: TransportRequest,
    { authType, rawToken }: PresentedCredential,
    onVerified: (token: AnyAuthToken) => void,
  ): Promise<AuthHandlerResult> {
    if (authType === 'cookie') this.crossSite.assertOwnSite(request, authType);
    const token = await this.verifier.verify(rawToken, authType);
    if (!token) throw unauthorized();

    const result = await this.hooks.run('postAuthHandler', { user: token.user, token, rawToken, request });
    onVerified(token);
    return result;
  }
}

function isSame(one: PresentedCredential, other: PresentedCredential): boolean {
  return one.authType === other.authType && one.rawToken === other.rawToken;
}
