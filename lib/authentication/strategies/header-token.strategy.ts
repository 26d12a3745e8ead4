import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import Strategy from 'passport-custom';
import { AUTHENTIFY_OPTIONS, HEADER_STRATEGY } from '../../constants.js';
import type { ResolvedOptions } from '../../options/resolved-options.js';
import { credentialInHeader } from '../credentials/authorization-header.js';
import { OwnApplication } from '../own-application.js';
import type { TransportRequest } from '../transport-request.js';
import { RequestAuthenticator } from '../authenticator.js';

/**
 * Passport strategy `'authentify-header'`: the `Authorization` header, under one of `authHeaderPrefixes`.
 * `HeaderAuthGuard` runs it; `AuthGuard('authentify-header')` of `@nestjs/passport` can too.
 */
@Injectable()
export class HeaderTokenStrategy extends PassportStrategy(Strategy, HEADER_STRATEGY) {
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

  /** User and token, or `null` when nothing was presented. @throws HttpException for a bad credential. */
  async validate(request: TransportRequest): Promise<[user: unknown, token: unknown] | null> {
    const credential = credentialInHeader(request, this.options.authHeaderPrefixes);
    if (!credential) return null;
    const { user, token } = await this.authenticator.authenticate(request, credential);
    return [user, token];
  }
}
