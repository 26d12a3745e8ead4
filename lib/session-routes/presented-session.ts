import { BadRequestException, type HttpException, Inject, Injectable } from '@nestjs/common';
import type { Credential } from '../authentication/credentials/credential.js';
import { CrossSiteCheck } from '../authentication/cross-site-check.js';
import { credentialInHeader } from '../authentication/credentials/authorization-header.js';
import { credentialInCookies } from '../authentication/credentials/cookie-header.js';
import type { TransportRequest } from '../authentication/transport-request.js';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { TokenSecrets } from '../sessions/token-secrets.js';
import { statedToken } from './stated-token.js';

/** What a request to log out presents. */
export interface PresentedSession {
  /** Every token of it, of either kind. */
  credentials: Credential[];
  /** What to answer where none of them names a session, because the body may have meant one. */
  problem?: HttpException;
}

/**
 * What a request presents to the routes that no guard authenticates: refresh and logout. As with access tokens, what a
 * client states, in the header or the body, decides, and cookies that its browser adds are not tried.
 */
@Injectable()
export class SessionCredentials {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly crossSite: CrossSiteCheck,
    private readonly secrets: TokenSecrets,
  ) {}

  /**
   * The refresh token: of the body, the header, or else the cookie. Anything else in the header is passed over where
   * one of the others is there, because clients go on sending the access token that has run out.
   *
   * @throws HttpException for a body that cannot be read, ForbiddenException for a foreign site's use of the cookie.
   */
  refreshOf(request: TransportRequest): Credential | null {
    const { token, unread } = statedToken(request);
    if (unread) throw unread;
    const header = this.headerOf(request);
    const inHeader = header && this.secrets.readRefresh(header.rawToken) ? header : null;
    if (token !== undefined) {
      if (inHeader && inHeader.rawToken !== token) {
        throw new BadRequestException('The refresh tokens in the header and in the body differ; send one of them');
      }
      return { authType: 'header', rawToken: token };
    }
    return inHeader ?? this.cookiesOf(request, this.options.refreshCookieName)[0] ?? header;
  }

  /**
   * All tokens of the session a request presents: those in header and body, or else its cookies.
   *
   * @throws ForbiddenException for a foreign site's use of cookies, BadRequestException for a token that is no string.
   */
  sessionOf(request: TransportRequest): PresentedSession {
    const { authCookieNames, refreshCookieName } = this.options;
    const { token, unread, isStrange } = statedToken(request);
    const header = this.headerOf(request);
    const credentials = header ? [header] : [];
    if (token !== undefined) credentials.push({ authType: 'header', rawToken: token });
    if (credentials.length === 0)
      credentials.push(...this.cookiesOf(request, [...authCookieNames, ...refreshCookieName]));
    if (unread) return { credentials, problem: unread };
    if (isStrange) return { credentials, problem: new BadRequestException('The body names no session: refreshToken') };
    return { credentials };
  }

  private headerOf(request: TransportRequest): Credential | null {
    return credentialInHeader(request, this.options.authHeaderPrefixes);
  }

  private cookiesOf(request: TransportRequest, names: readonly string[]): Credential[] {
    const credentials = names.flatMap((name) => credentialInCookies(request, [name]) ?? []);
    if (credentials.length > 0) this.crossSite.assertOwnSite(request, 'cookie');
    return credentials;
  }
}
