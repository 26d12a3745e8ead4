import { Inject, Injectable } from '@nestjs/common';
import type { Credential } from '../authentication/credential.js';
import { CrossSiteCheck } from '../authentication/cross-site-check.js';
import { credentialInHeader } from '../authentication/extractors/authorization-header.js';
import { credentialInCookies } from '../authentication/extractors/cookie-header.js';
import { refreshCredential } from '../authentication/extractors/refresh-credential.js';
import type { TransportRequest } from '../authentication/transport-request.js';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';

/** What a request presents to the routes that no guard authenticates: refresh and logout. */
@Injectable()
export class SessionCredentials {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly crossSite: CrossSiteCheck,
  ) {}

  /** The refresh token, of the body or else of the cookie. @throws ForbiddenException for a foreign site's use of the latter. */
  refreshOf(request: TransportRequest): Credential | null {
    return this.ownSite(request, refreshCredential(request, this.options.refreshCookieName));
  }

  /**
   * Both tokens of the session a request presents: what it states, in the header and the body, or else its cookies.
   *
   * @throws ForbiddenException for a foreign site's use of cookies.
   */
  sessionOf(request: TransportRequest): { access: Credential | null; refresh: Credential | null } {
    const { authHeaderPrefixes, authCookieNames, refreshCookieName } = this.options;
    const header = credentialInHeader(request, authHeaderPrefixes);
    const refresh = refreshCredential(request, refreshCookieName);
    if (refresh?.authType === 'header') return { access: header, refresh };
    if (header) return { access: header, refresh: null };
    const access = this.ownSite(request, credentialInCookies(request, authCookieNames));
    return { access, refresh: this.ownSite(request, refresh) };
  }

  private ownSite(request: TransportRequest, credential: Credential | null): Credential | null {
    if (credential?.authType === 'cookie') this.crossSite.assertOwnSite(request, 'cookie');
    return credential;
  }
}
