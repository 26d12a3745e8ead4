import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { Milliseconds } from './duration.js';
import type { Check } from './option-checks.js';
import { OPTIONS, type ResolvedOptions } from './resolved-options.js';

/**
 * Resolves the options that the app passed to `forRoot` or returned from its factory.
 *
 * @throws AuthentifyConfigurationError for unknown names, wrong values and options that contradict each other (R67).
 */
export function resolveOptions(
  given: unknown,
  extras: { autoRefresh?: boolean; name?: string | undefined } = {},
): ResolvedOptions {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new AuthentifyConfigurationError('options', 'must be an object, but the factory returned something else');
  }
  const options = readEach({ ...given }, cookieNamesOf(extras.name));
  checkTogether(options, extras.autoRefresh === true);
  return Object.freeze(options);
}

/** The default cookie names of a registration; two registrations on one host must not share names. */
function cookieNamesOf(name: string | undefined) {
  const prefix = name === undefined ? '__Host-' : `__Host-${name}-`;
  return { authCookieNames: [`${prefix}token`], refreshCookieName: `${prefix}refresh-token` };
}

function readEach(given: Record<string, unknown>, cookieNames: ReturnType<typeof cookieNamesOf>): ResolvedOptions {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new AuthentifyConfigurationError(
        name,
        `is not a known option; known options are ${Object.keys(OPTIONS).join(', ')}`,
      );
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

/** Finds options that contradict each other (R57, R67). */
function checkTogether(options: ResolvedOptions, autoRefresh: boolean): void {
  checkLifetimes(options);
  checkSliding(options, autoRefresh);
  checkCookies(options);
}

function checkLifetimes(options: ResolvedOptions): void {
  const { tokenTtl, refreshTokenTtl, sessionMaxTtl, autoRefreshMaxTtl } = options;
  if (refreshTokenTtl !== null && (tokenTtl === null || refreshTokenTtl <= tokenTtl)) {
    fail('refreshTokenTtl', 'must be longer than tokenTtl; lengthen it, or set it to null for no refresh tokens');
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
  if (autoRefresh && autoRefreshInterval === null) fail('autoRefreshInterval', 'is required with autoRefresh; try 300');
  if (autoRefresh && autoRefreshMaxTtl === null) fail('autoRefreshMaxTtl', "is required with autoRefresh; try '30d'");
  if (autoRefresh && tokenTtl !== null && refreshTokenTtl === null) {
    fail('refreshTokenTtl', 'is required with autoRefresh; set a duration longer than tokenTtl');
  }
  if (autoRefreshInterval !== null && tokenTtl !== null && autoRefreshInterval >= tokenTtl) {
    fail('autoRefreshInterval', 'must be shorter than tokenTtl; otherwise tokens expire before they can slide');
  }
}

function checkCookies({ cookie, authCookieNames, refreshCookieName }: ResolvedOptions): void {
  if (cookie.sameSite === 'none' && !cookie.secure) fail('cookie', "must have secure: true with sameSite: 'none'");
  if (refreshCookieName.some((name) => authCookieNames.includes(name))) {
    fail('refreshCookieName', 'must differ from every name in authCookieNames');
  }
  checkPrefix('authCookieNames', authCookieNames, cookie);
  checkPrefix('refreshCookieName', refreshCookieName, cookie);
}

/** All the settings for plain HTTP: leaving one out is the next error. */
const PLAIN_HTTP = "authCookieNames: ['token'], refreshCookieName: 'refresh-token', cookie: { secure: false }";

/** Browsers drop cookies whose attributes break the promise of their name's prefix (RFC 6265bis §4.1.3). */
function checkPrefix(option: string, names: readonly string[], cookie: ResolvedOptions['cookie']): void {
  for (const name of names) {
    const prefix = /^__(host-http|host|http|secure)-/i.exec(name)?.[1]?.toLowerCase();
    if (prefix === undefined) continue;
    if (!cookie.secure) {
      fail(
        option,
        `contains "${name}", which browsers accept only with cookie.secure: true; for plain HTTP use ${PLAIN_HTTP}`,
      );
    }
    if (prefix.startsWith('host') && (cookie.domain !== undefined || cookie.path !== '/')) {
      fail(option, `contains "${name}", but __Host- names allow no cookie.domain and only cookie.path '/'`);
    }
    if (prefix.endsWith('http') && !cookie.httpOnly)
      fail(option, `contains "${name}", which needs cookie.httpOnly: true`);
  }
}

function fail(option: string, problem: string): never {
  throw new AuthentifyConfigurationError(option, problem);
}
