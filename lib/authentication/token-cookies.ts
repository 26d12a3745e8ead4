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

/** Attributes of a cookie beside its name, its value and `Max-Age`. */
export type CookieAttributes = Omit<SerializeOptions, 'encode' | 'expires' | 'maxAge'>;

/**
 * Writes, renews, clears and reads the session's cookies, on Express and Fastify alike (R57, R59).
 *
 * Extend it to give cookies other attributes, and name your class in `extraProviders`, so that the session routes and
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
    if (refreshToken === null) this.expire(response, refreshName);
    else this.write(response, refreshName, refreshToken, this.refreshCookieEnd(token));
    for (const other of otherRefreshNames) this.expire(response, other);
  }

  /** Removes every cookie the library reads or writes; for logout only. */
  clear(response: unknown): void {
    for (const name of [...this.options.authCookieNames, ...this.options.refreshCookieName])
      this.expire(response, name);
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

  /**
   * The attributes of the cookie of that name, whenever it is written, renewed or removed: browsers remove a cookie only
   * with the attributes it was set with. Default: the option `cookie`; SameSite=Strict for the refresh cookie (R57).
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
