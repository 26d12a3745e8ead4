import { createSecretKey, type KeyObject } from 'node:crypto';
import type { AuthentifyOptions, LegacyTokens } from './authentify-options.js';
import type { Milliseconds } from './duration.js';
import * as is from './option-checks.js';

/**
 * The grammar of scheme and cookie names (RFC 9110 §5.6.2). The length is limited because browsers drop cookies of more
 * than 4096 bytes (RFC 6265bis §5.6, R57).
 */
const HTTP_TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,1024}$/;
/** The characters of a quoted-string that need no escape (RFC 9110 §5.6.4). */
const REALM = /^[ !#-[\]-~]+$/;
/** Text that stays inside a SQL comment, is not executed by MySQL or MariaDB, and contains no driver parameter. */
const SQL_COMMENT = /^(?!M?!)(?!.*(?:\/\*|\*\/|\/$))[ ->@-~]{1,200}$/;

/** Five or six fields, or a preset such as @hourly; the scheduler checks the rest. */
const CRON = /^(?:@[a-z]+|\S+(?: +\S+){4,5})$/;

const scheme = is.text(HTTP_TOKEN, 'must be HTTP tokens such as Bearer');
const cookieName = is.text(HTTP_TOKEN, 'must be a cookie name: an HTTP token such as __Host-token');
const refreshCookieNames = is.oneOrMore(cookieName);
const algorithm = is.oneOf('sha256', 'sha384', 'sha512');
const secret: is.Check<string> = (value) => {
  if (typeof value !== 'string' || Buffer.byteLength(value) < 32) {
    throw new RangeError('must contain secrets of at least 32 bytes each; create one with: openssl rand -hex 32');
  }
  return value;
};
const secrets = is.listOf(is.nullable(secret), 'any');
const hashSecrets: is.Check<readonly (KeyObject | null)[]> = (value) => {
  const given = secrets(value);
  if (given.length === 1 && given[0] === null) {
    throw new RangeError('may contain null only next to a key; omit the option for digests without a key');
  }
  return Object.freeze(given.map((key) => (key === null ? null : createSecretKey(key, 'utf8'))));
};
const prefix = is.text(/^[a-z0-9]{2,10}$/, 'must be 2 to 10 lower-case letters and digits');
const origin: is.Check<string> = (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null;
  if (!url || url.origin !== value || !/^https?:$/.test(url.protocol) || url.host.includes('*')) {
    throw new RangeError('must be origins as browsers send them: only scheme, host and port (https://app.example.com)');
  }
  return value;
};

const cookie = is.group({
  secure: is.optional(true, is.flag),
  httpOnly: is.optional(true, is.flag),
  sameSite: is.optional('lax', is.oneOf('lax', 'strict', 'none')),
  path: is.optional('/', is.text(/^\/[!-:<-~]{0,1023}$/, "must be a path that begins with '/'")),
  domain: (value: unknown): string | undefined =>
    value === undefined
      ? undefined
      : is.text(/^[A-Za-z0-9.-]{1,253}$/, 'must be a host name such as example.com')(value),
});
const csrf = is.group({
  trustedOrigins: is.optional([], is.listOf(origin, 'any')),
  requireOrigin: is.optional(false, is.flag),
});

const legacyTokens: is.Check<LegacyTokens> = (value) => {
  const { isAccessToken, isRefreshToken } = (value ?? {}) as Partial<LegacyTokens>;
  if (typeof isAccessToken !== 'function' || typeof isRefreshToken !== 'function') {
    throw new TypeError(
      'must have the functions isAccessToken and isRefreshToken, such as drfAuthentifyTokens of nestjs-authentify/migrations',
    );
  }
  return value as LegacyTokens;
};

/** Every option there is, with its default and its grammar; what its check returns is the option as the library reads it. */
export const OPTIONS = {
  tokenTtl: is.optional('24h', is.nullable(is.duration)),
  refreshTokenTtl: is.optional('7d', is.nullable(is.duration)),
  autoRefreshInterval: is.absentOr(is.durationOrZero),
  autoRefreshMaxTtl: is.absentOr(is.duration),
  sessionMaxTtl: is.optional(null, is.nullable(is.duration)),
  enforceSingleLogin: is.optional(false, is.flag),
  maxSessionsPerUser: is.optional(null, is.nullable(is.wholeNumber(1, 1_000_000))),
  enableAuthRestriction: is.optional(true, is.flag),
  secureHashAlgorithm: is.optional('sha256', is.oneOrMore(algorithm)),
  /** Key objects, because `inspect` and JSON reveal nothing of them; `null` = no key. */
  hashSecrets: is.optional([], hashSecrets),
  authHeaderPrefixes: is.optional(['Bearer', 'Token'], is.listOf(scheme)),
  authCookieNames: is.listOf(cookieName),
  /** Empty if no refresh cookie is written. */
  refreshCookieName: (value: unknown) => (value === null ? Object.freeze([]) : refreshCookieNames(value)),
  keepExpiredTokens: is.optional(false, (value): boolean | Milliseconds =>
    typeof value === 'boolean' ? value : is.duration(value),
  ),
  pruneSchedule: is.absentOr(is.text(CRON, "must be a cron expression such as '0 * * * *'")),
  strictContextAccess: is.optional(false, is.flag),
  postAuthHandler: is.absentOr(is.hook),
  postAutoRefreshHandler: is.absentOr(is.hook),
  refreshGracePeriod: is.optional('30s', is.durationOrZero),
  tokenPrefix: is.optional('af', is.oneOrMore(prefix)),
  cookie: is.optional({}, cookie),
  csrf: is.optional({}, (value) => (value === false ? value : csrf(value))),
  realm: is.optional('api', is.text(REALM, 'must be printable ASCII without quotes and backslashes')),
  isUserActive: is.absentOr(is.callable as is.Check<(user: unknown) => boolean | Promise<boolean>>),
  acceptLegacyTokens: is.absentOr(legacyTokens),
  contextMaxBytes: is.optional(4096, is.wholeNumber(2, 65_535)),
  preparedStatements: is.optional(true, is.flag),
  sqlComment: is.absentOr(
    is.text(
      SQL_COMMENT,
      "must be the text of a comment, such as 'NO LOAD BALANCE': 1 to 200 printable ASCII characters without ?, /* and */, " +
        'that does not end with / and does not begin with ! or M!, which databases execute',
    ),
  ),
  sessionCheckInterval: is.optional('30s', is.duration),
} satisfies { readonly [Name in keyof Required<AuthentifyOptions>]: is.Check<unknown> };

/** The options after validation: complete and frozen; durations in milliseconds. */
export type ResolvedOptions = {
  readonly [Name in keyof typeof OPTIONS]: ReturnType<(typeof OPTIONS)[Name]>;
};
