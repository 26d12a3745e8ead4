import { Inject, Injectable } from '@nestjs/common';
import { serialize, type SerializeOptions } from 'cookie';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { IncomingRequest } from '../options/auth-handler.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { IssuedTokens } from '../sessions/issued-tokens.js';
import { CrossSiteCheck } from './csrf.js';
import { credentialInCookies } from './credentials/cookies.js';
import { ResponseHeaders } from './transports.js';

/** Browsers keep no cookie longer than 400 days (RFC 6265bis §5.5). */
const LONGEST_MAX_AGE = 400 * 86_400;

/** Attributes of a cookie, besides its name, its value and `Max-Age`. */
export type CookieAttributes = Omit<SerializeOptions, 'encode' | 'expires' | 'maxAge'>;

/**
 * Writes, renews, clears and reads the cookies of a session, on Express and Fastify (R57, R59).
 *
 * To change the attributes of cookies, extend it and add your class to `extraProviders`, so that the session routes and
 * `AutoRefreshInterceptor` use it too.
 *
 * @example
 * ```ts
 * @Injectable()
 * export class PartitionedCookies extends TokenCookies {
 *   protected override attributesOf(name: string): CookieAttributes {
 *     return { ...super.attributesOf(name), partitioned: true };
 *   }
 * }
 * ```
 */
@Injectable()
export class TokenCookies {
  @Inject(AUTHENTIFY_OPTIONS) protected readonly options: ResolvedOptions;
  @Inject() private readonly headers: ResponseHeaders;
  @Inject() private readonly crossSite: CrossSiteCheck;

  /**
   * Writes the access cookie and, if there is a refresh token and `refreshCookieName`, the refresh cookie
   * (SameSite=Strict). Max-Age is the time left until `expiresAt` and `refreshUntil`, at most 400 days; if sessions slide,
   * the refresh cookie lasts until the absolute end. Cookies under the other configured names are removed, so that the
   * browser cannot return to an earlier session.
   *
   * @param response the response of Express or Fastify, before it is sent.
   * @throws TypeError for tokens of `generateHeaderToken`, which are refused in cookies.
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
    if (refreshToken === null) this.expire(response, refreshName);
    else this.write(response, refreshName, refreshToken, this.refreshCookieEnd(token));
    for (const other of otherRefreshNames) this.expire(response, other);
  }

  /** Removes every cookie that the library reads or writes; only for a logout. */
  clear(response: unknown): void {
    for (const name of [...this.options.authCookieNames, ...this.options.refreshCookieName])
      this.expire(response, name);
  }

  /**
   * Returns the refresh token from its cookie, the first of `refreshCookieName` that the request has; `null` if it is
   * missing, empty or present twice.
   *
   * @throws ForbiddenException (403) for an unsafe request from another site (R54).
   */
  refreshTokenFrom(request: IncomingRequest): string | null {
    const found = credentialInCookies(request, this.options.refreshCookieName);
    if (!found || found.rawToken === '') return null;
    this.crossSite.assertOwnSite(request, 'cookie');
    return found.rawToken;
  }

  /**
   * The attributes of the cookie with this name, for writing, renewing and removing it: browsers remove a cookie only with
   * the attributes that it was set with. Default: the option `cookie`; SameSite=Strict for the refresh cookie (R57).
   */
  protected attributesOf(name: string): CookieAttributes {
    const { cookie, refreshCookieName } = this.options;
    return refreshCookieName.includes(name) ? { ...cookie, sameSite: 'strict' } : cookie;
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

  private expire(response: unknown, name: string): void {
    this.write(response, name, '', new Date(0));
  }

  private write(response: unknown, name: string, value: string, until: Date | null): void {
    const left = until === null ? LONGEST_MAX_AGE : Math.ceil((until.getTime() - Date.now()) / 1000);
    const maxAge = Math.max(0, Math.min(left, LONGEST_MAX_AGE));
    this.headers.append(response, 'Set-Cookie', serialize(name, value, { ...this.attributesOf(name), maxAge }));
    this.headers.set(response, 'Cache-Control', 'no-store');
  }
}
