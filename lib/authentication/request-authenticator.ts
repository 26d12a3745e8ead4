import { Injectable } from '@nestjs/common';
import type { AuthHandlerResult } from '../options/auth-handler.interface.js';
import type { AnyAuthToken } from '../tokens/entities/abstract-auth-token.js';
import { TokenVerifier } from '../tokens/token-verifier.js';
import { AuthHooks } from './auth-hooks.js';
import type { Credential } from './credential.js';
import { CrossSiteCheck } from './cross-site-check.js';
import { unauthorized } from './denials.js';
import { OwnApplication } from './own-application.js';
import type { TransportRequest } from './transport-request.js';

/** What a request was authenticated with. */
export interface Authentication {
  readonly credential: Credential;
  /** Who the request acts as; settles once, however many guards ask. */
  readonly result: Promise<AuthHandlerResult>;
  /** The session as verified, whatever a hook made of it; absent until then. */
  token?: AnyAuthToken;
}

/** Turns a presented credential into `request.user` and `request.auth`, once per request. */
@Injectable()
export class RequestAuthenticator {
  // Aside from the request, and private to the language too, so that nothing can log a raw token by accident (R63).
  readonly #authentications = new WeakMap<TransportRequest, Authentication>();

  constructor(
    private readonly crossSite: CrossSiteCheck,
    private readonly verifier: TokenVerifier,
    private readonly hooks: AuthHooks,
    private readonly application: OwnApplication,
  ) {}

  /**
   * Verifies what the request presented. Several guards on one route share the look-up.
   *
   * @throws UnauthorizedException for a bad credential, ForbiddenException for a foreign site's use of a cookie.
   */
  authenticate(request: TransportRequest, credential: Credential): Promise<AuthHandlerResult> {
    this.application.assertServes(request);
    const known = this.#authentications.get(request);
    if (known && isSame(known.credential, credential)) return known.result;
    const authentication: Authentication = {
      credential,
      result: this.verify(request, credential, (token) => {
        authentication.token = token;
      }),
    };
    this.#authentications.set(request, authentication);
    return authentication.result;
  }

  /** What this request was authenticated with; `undefined` where it was not. */
  authenticationOf(request: TransportRequest): Authentication | undefined {
    return this.#authentications.get(request);
  }

  private async verify(
    request: TransportRequest,
    { authType, rawToken }: Credential,
    onVerified: (token: AnyAuthToken) => void,
  ): Promise<AuthHandlerResult> {
    if (authType === 'cookie') this.crossSite.assertOwnSite(request, authType);
    const token = await this.verifier.verify(rawToken, authType);
    if (!token) throw unauthorized();

    const result = await this.hooks.run('postAuthHandler', { user: token.user, token, rawToken, request });
    onVerified(token);
    request.auth = result.token;
    return result;
  }
}

function isSame(one: Credential, other: Credential): boolean {
  return one.authType === other.authType && one.rawToken === other.rawToken;
}
