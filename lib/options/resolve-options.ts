import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { Milliseconds } from './duration.js';
import type { Check } from './option-checks.js';
import { OPTIONS, type ResolvedOptions } from './resolved-options.js';

/**
 * Turns what the app passed to `forRoot` or returned from its factory into the options the library works with.
 *
 * @throws AuthentifyConfigurationError for unknown names, wrong values and options that contradict each other (R67).
 */
export function resolveOptions(
  given: unknown,
  extras: { autoRefresh?: boolean; name?: string | undefined } = {},
): ResolvedOptions {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new AuthentifyConfigurationError('options', 'must be an object; the factory returned something else');
  }
  const options = readEach({ ...given }, cookieNamesOf(extras.name));
  checkTogether(options, extras.autoRefresh === true);
  return Object.freeze(options);
}

/** The cookies of a registration; two on one host would overwrite each other's under the same names. */
function cookieNamesOf(name: string | undefined) {
  const prefix = name === undefined ? '__Host-' : `__Host-${name}-`;
  return { authCookieNames: [`${prefix}token`], refreshCookieName: `${prefix}refresh-token` };
}

function readEach(given: Record<string, unknown>, cookieNames: ReturnType<typeof cookieNamesOf>): ResolvedOptions {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new AuthentifyConfigurationError(name, `is no option here; known are ${Object.keys(OPTIONS).join(', ')}`);
    }
  }
  if (given.tokenTtl === null) given.refreshTokenTtl ??= null;
  for (const [name, fallback] of Object.entries(cookieNames)) {
    if (given[name] === undefined) given[name] = fallback;
  }
  if (given.sessionMaxTtl === undefined) given.sessionMaxTtl = given.autoRefreshMaxTtl;
  const entries = Object.entries<Check<unknown>>(OPTIONS).map(([name, check]) => {
    try {
      return [name, check(given[name])];
    } catch (error) {
      throw new AuthentifyConfigurationError(name, (error as Error).message);
    }
  });
  return Object.fromEntries(entries) as ResolvedOptions;
}

const LONGEST_GRACE: Milliseconds = 60_000;

/** Checks what one option alone cannot show: options that contradict each other (R57, R67). */
function checkTogether(options: ResolvedOptions, autoRefresh: boolean): void {
  checkLifetimes(options);
  checkSliding(options, autoRefresh);
  checkCookies(options);
}

function checkLifetimes(options: ResolvedOptions): void {
  const { tokenTtl, refreshTokenTtl, sessionMaxTtl, autoRefreshMaxTtl } = options;
  if (refreshTokenTtl !== null && (tokenTtl === null || refreshTokenTtl <= tokenTtl)) {
    fail('refreshTokenTtl', 'must exceed tokenTtl; lengthen it, or set it to null for no refresh tokens');
  }
  if (tokenTtl !== null && autoRefreshMaxTtl !== null && autoRefreshMaxTtl < tokenTtl) {
    fail('autoRefreshMaxTtl', 'must not be shorter than tokenTtl');
  }
  if (tokenTtl !== null && sessionMaxTtl !== null && sessionMaxTtl < tokenTtl) {
    fail('sessionMaxTtl', 'must not be shorter than tokenTtl');
  }
  if (options.refreshGracePeriod > LONGEST_GRACE) fail('refreshGracePeriod', 'must not exceed 60 seconds');
}

function checkSliding(options: ResolvedOptions, autoRefresh: boolean): void {
  const { tokenTtl, refreshTokenTtl, autoRefreshInterval, autoRefreshMaxTtl } = options;
  if (autoRefresh && autoRefreshInterval === null) fail('autoRefreshInterval', 'is needed with autoRefresh; try 300');
  if (autoRefresh && autoRefreshMaxTtl === null) fail('autoRefreshMaxTtl', "is needed with autoRefresh; try '30d'");
  if (autoRefresh && tokenTtl !== null && refreshTokenTtl === null) {
    fail('refreshTokenTtl', 'is needed with autoRefresh; give it a duration longer than tokenTtl');
  }
  if (autoRefreshInterval !== null && tokenTtl !== null && autoRefreshInterval >= tokenTtl) {
    fail('autoRefreshInterval', 'must be below tokenTtl, or tokens expire before they can slide');
  }
}

function checkCookies({ cookie, authCookieNames, refreshCookieName }: ResolvedOptions): void {
  if (cookie.sameSite === 'none' && !cookie.secure) fail('cookie', "sameSite 'none' needs secure: true");
  if (refreshCookieName.some((name) => authCookieNames.includes(name))) {
    fail('refreshCookieName', 'must differ from every name in authCookieNames');
  }
  checkPrefix('authCookieNames', authCookieNames, cookie);
  checkPrefix('refreshCookieName', refreshCookieName, cookie);
}

/** What plain HTTP takes, all of it said at once: leaving out one is the next error. */
const PLAIN_HTTP = "authCookieNames: ['token'], refreshCookieName: 'refresh-token', cookie: { secure: false }";

/** Browsers drop cookies whose attributes break the promise of their name's prefix (RFC 6265bis §4.1.3). */
function checkPrefix(option: string, names: readonly string[], cookie: ResolvedOptions['cookie']): void {
  for (const name of names) {
    const prefix = /^__(host-http|host|http|secure)-/i.exec(name)?.[1]?.toLowerCase();
    if (prefix === undefined) continue;
    if (!cookie.secure) {
      fail(
        option,
        `holds "${name}", which browsers keep with cookie.secure: true only; plain HTTP takes ${PLAIN_HTTP}`,
      );
    }
    if (prefix.startsWith('host') && (cookie.domain !== undefined || cookie.path !== '/')) {
      fail(option, `holds "${name}", and __Host- names allow no cookie.domain and only cookie.path '/'`);
    }
    if (prefix.endsWith('http') && !cookie.httpOnly) fail(option, `holds "${name}", which needs cookie.httpOnly: true`);
  }
}

function fail(option: string, problem: string): never {
  throw new AuthentifyConfigurationError(option, problem);
}
