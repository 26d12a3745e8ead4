import { Inject, Injectable } from '@nestjs/common';
import { serialize } from 'cookie';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { IncomingRequest } from '../options/auth-handler.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { IssuedTokens } from '../sessions/issued-tokens.js';
import { CrossSiteCheck } from './cross-site-check.js';
import { credentialInCookies } from './credentials/cookie-header.js';
import { ResponseHeaders } from './response-headers.js';

/** Browsers keep no cookie longer than 400 days (RFC 6265bis §5.5). */
const LONGEST_MAX_AGE = 400 * 86_400;

/** Writes, renews, clears and reads the session's cookies, on Express and Fastify alike (R57, R59). */
@Injectable()
export class TokenCookies {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly headers: ResponseHeaders,
    private readonly crossSite: CrossSiteCheck,
  ) {}

  /**
   * Writes the access cookie and, where there is a refresh token and `refreshCookieName`, the refresh cookie
   * (SameSite=Strict). Max-Age is what is left of `expiresAt` and `refreshUntil`, at most 400 days; of the absolute end
   * for the refresh cookie of sessions that slide. What an earlier
   * session may have left under the other names is removed, or the browser would slip back into it.
   *
   * @param response of Express or Fastify, before it is sent.
   * @throws TypeError for tokens of `generateHeaderToken`, which no cookie makes good.
   */
  set(response: unknown, { accessToken, refreshToken, token }: IssuedTokens): void {
    if (token.authType !== 'cookie' && this.options.enableAuthRestriction) {
      throw new TypeError('TokenCookies.set got header tokens, refused in cookies; use generateCookieToken');
    }
    const [name = '', ...others] = this.options.authCookieNames;
    this.write(response, name, accessToken, token.expiresAt);
    for (const other of others) this.expire(response, other);
    const [refreshName, ...otherRefreshNames] = this.options.refreshCookieName;
    if (refreshName === undefined) return;
    if (refreshToken === null) this.expire(response, refreshName, 'strict');
    else this.write(response, refreshName, refreshToken, this.refreshCookieEnd(token), 'strict');
    for (const other of otherRefreshNames) this.expire(response, other, 'strict');
  }

  /** Removes every cookie the library reads or writes; for logout only. */
  clear(response: unknown): void {
    for (const name of this.options.authCookieNames) this.expire(response, name);
    for (const name of this.options.refreshCookieName) this.expire(response, name, 'strict');
  }

  /**
   * The refresh token in its cookie, the first of `refreshCookieName` that is present; `null` where it is missing, empty
   * or there twice.
   *
   * @throws ForbiddenException (403) when a foreign site sends an unsafe request with the user's cookie (R54).
   */
  refreshTokenFrom(request: IncomingRequest): string | null {
    const found = credentialInCookies(request, this.options.refreshCookieName);
    if (!found || found.rawToken === '') return null;
    this.crossSite.assertOwnSite(request, 'cookie');
    return found.rawToken;
  }

  /** @internal Writes an access cookie again, under the name it came by, after its session was extended. */
  renew(response: unknown, name: string, rawToken: string, token: AnyAuthToken): void {
    this.write(response, name, rawToken, token.expiresAt);
  }

  /**
   * Sliding moves `refreshUntil`, but must not write the refresh cookie again: the answer could arrive after that of
   * a rotation and put the old token back, which is reuse. Where sessions slide it lasts as long as they possibly can.
   */
  private refreshCookieEnd(token: AnyAuthToken): Date | null {
    return this.options.autoRefreshInterval === null ? token.refreshUntil : token.sessionExpiresAt;
  }

  private expire(response: unknown, name: string, sameSite = this.options.cookie.sameSite): void {
    this.write(response, name, '', new Date(0), sameSite);
  }

  private write(
    response: unknown,
    name: string,
    value: string,
    until: Date | null,
    sameSite = this.options.cookie.sameSite,
  ): void {
    const left = until === null ? LONGEST_MAX_AGE : Math.ceil((until.getTime() - Date.now()) / 1000);
    const maxAge = Math.max(0, Math.min(left, LONGEST_MAX_AGE));
    this.headers.append(response, 'Set-Cookie', serialize(name, value, { ...this.options.cookie, sameSite, maxAge }));
    this.headers.set(response, 'Cache-Control', 'no-store');
  }
}
