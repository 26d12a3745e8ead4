import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import Strategy from 'passport-custom';
import { AUTHENTIFY_OPTIONS, COOKIE_STRATEGY } from '../../constants.js';
import type { ResolvedOptions } from '../../options/resolved-options.js';
import { credentialInCookies } from '../credentials/cookie-header.js';
import { OwnApplication } from '../own-application.js';
import type { TransportRequest } from '../transport-request.js';
import { RequestAuthenticator } from '../authenticator.js';

/**
 * Passport strategy `'authentify-cookie'`: the first of `authCookieNames` that is present. It refuses unsafe requests
 * of other sites itself, so that a plain `AuthGuard('authentify-cookie')` is covered too.
 * `CookieAuthGuard` runs it.
 */
@Injectable()
export class CookieTokenStrategy extends PassportStrategy(Strategy, COOKIE_STRATEGY) {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly authenticator: RequestAuthenticator,
    private readonly application: OwnApplication,
  ) {
    super();
  }

  /** What Passport calls. @throws Error where it cannot have meant this very strategy. */
  override authenticate(request: never, options?: unknown): void {
    this.application.assertUnambiguous(options);
    super.authenticate(request, options);
  }

  /** User and token, or `null` when nothing was presented. @throws HttpException for a bad credential or a foreign site. */
  async validate(request: TransportRequest): Promise<[user: unknown, token: unknown] | null> {
    const credential = credentialInCookies(request, this.options.authCookieNames);
    if (!credential) return null;
    const { user, token } = await this.authenticator.authenticate(request, credential);
    return [user, token];
  }
}
