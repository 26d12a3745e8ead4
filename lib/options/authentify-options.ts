import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { AuthHook } from './auth-handler.js';
import type { Duration } from './duration.js';

/** Attributes of the cookies the library writes; what is not given keeps its default (R57). */
export interface CookieOptions {
  /** Default `true`; needed by `__Host-` and `__Secure-` names and by `sameSite: 'none'`. */
  secure?: boolean;
  /** Default `true`. */
  httpOnly?: boolean;
  /** Default `'lax'`; the refresh cookie is always `strict`. */
  sameSite?: 'lax' | 'strict' | 'none';
  /** Default `'/'`; `__Host-` names allow nothing else. */
  path?: string;
  /** Default none: the host that answered. Not with `__Host-` names. */
  domain?: string;
}

/** The cross-site defence of cookie credentials on unsafe methods (R54). */
export interface CsrfOptions {
  /** Other origins that may act with the user's cookie, as browsers write them: `https://app.example.com`. */
  trustedOrigins?: readonly string[];
  /** Refuse unsafe requests that carry neither `Sec-Fetch-Site` nor `Origin`; default `false`. */
  requireOrigin?: boolean;
}

/**
 * How the tokens of another system look, whose sessions were imported with the digests it had stored: SHA-256, SHA-384
 * or SHA-512 of the token, in lower-case hex. Neither test may accept a token of this library, nor one that the other
 * accepts.
 */
export interface LegacyTokens {
  /** Whether the other system may have issued this access token. It need not have: the database decides that. */
  isAccessToken(token: string): boolean;
  /** The same for a refresh token. */
  isRefreshToken(token: string): boolean;
}

/**
 * Run-time options. Lifetimes are {@link Duration}s: seconds or an `ms` string, positive; `null` = none.
 * Wrong values and unknown names stop the boot with an `AuthentifyConfigurationError`.
 */
export interface AuthentifyOptions<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  /** Life of an access token. Default `'24h'`; `null` = it never expires. */
  tokenTtl?: Duration | null;
  /** Life of a refresh token; must exceed `tokenTtl`. Default `'7d'`, or `null` (none) where `tokenTtl` is `null`. */
  refreshTokenTtl?: Duration | null;
  /** How old the last slide must be for the next one; below `tokenTtl`; 0 = every request. Needed with `autoRefresh`. */
  autoRefreshInterval?: Duration;
  /** How long after login sliding may still extend a session. Needed with `autoRefresh`. */
  autoRefreshMaxTtl?: Duration;
  /** Absolute end of a session, fixed at login (R25). Default `autoRefreshMaxTtl`, else `null`; at least `tokenTtl`. */
  sessionMaxTtl?: Duration | null;
  /** A login ends all other sessions of that user. Default `false`. */
  enforceSingleLogin?: boolean;
  /** How many sessions a user may have; a login beyond it ends the oldest. Default `null` = any number. */
  maxSessionsPerUser?: number | null;
  /** Refuse header tokens in cookies and the reverse, for verification and refresh (R20). Default `true`. */
  enableAuthRestriction?: boolean;
  /**
   * Digest under which tokens are stored. Default `'sha256'`. Of a list the first is written, all are accepted. Change it
   * in steps, and nobody is logged out: append the new one, move it to the front, later remove the old one (R79).
   */
  secureHashAlgorithm?: 'sha256' | 'sha384' | 'sha512' | readonly ('sha256' | 'sha384' | 'sha512')[];
  /**
   * HMAC keys of at least 32 bytes; the first signs, all verify (R5). Default none; recommended in production, so
   * that a stolen database alone is worth nothing. `null` stands for "no key", and only beside one: for going from none to
   * a key and back. Change it in steps, and nobody is logged out: append the new key, move it to the front, later remove
   * the old one (R79).
   */
  hashSecrets?: readonly (string | null)[];
  /** Accepted `Authorization` schemes, matched in any letter case. Default `['Bearer', 'Token']`. */
  authHeaderPrefixes?: readonly string[];
  /** Cookies looked at, in this order; the first one present decides, the first one is written. Default `['__Host-token']`. */
  authCookieNames?: readonly string[];
  /**
   * Cookie of the refresh token. Default `'__Host-refresh-token'`; `null` = never written. Of a list the first one present
   * decides, the first is written, the others are cleared: for a new name (R79).
   */
  refreshCookieName?: string | readonly string[] | null;
  /** Keep ended rows for the record: `true` = for good, a duration = that long. Default `false` = delete them. */
  keepExpiredTokens?: boolean | Duration;
  /**
   * When to prune, as a cron expression or a `CronExpression`. Default: never, call `revokeExpiredTokens` yourself. Needs
   * `ScheduleModule.forRoot()` of `@nestjs/schedule` in the app; all instances may have it.
   */
  pruneSchedule?: string;
  /** An unknown key of `contextObj` throws instead of giving `undefined`. Default `false`. */
  strictContextAccess?: boolean;
  /** Runs after a credential was accepted, before the guard returns; may replace user and token. */
  postAuthHandler?: AuthHook<TUser, TToken>;
  /** Runs after a session was extended by the `AutoRefreshInterceptor`. */
  postAutoRefreshHandler?: AuthHook<TUser, TToken>;
  /**
   * For how long the previous refresh token gets the same successor pair again: lost answers, second tabs (R32).
   * Default `'30s'`, at most 60 s; 0 = strict: any retry ends the session.
   */
  refreshGracePeriod?: Duration;
  /**
   * First letters of every token, for secret scanners: `[a-z0-9]{2,10}`. Default `'af'`. Of a list the first is written, all
   * are accepted. Change it in steps, and nobody is logged out: append the new one, move it to the front, later remove
   * the old one (R79).
   */
  tokenPrefix?: string | readonly string[];
  /** Attributes of the cookies written. */
  cookie?: CookieOptions;
  /** Cross-site defence of the cookie path; `false` switches it off. */
  csrf?: CsrfOptions | false;
  /** Named in the `WWW-Authenticate` challenge. Default `'api'`. */
  realm?: string;
  /**
   * Whether a user may act now; asked on verification and refresh. Default: by the user's `isActive`, where the entity
   * has one: `true` and a number that is not 0 are active; `false`, 0, `'0'`, an empty bit and `null` are not. A column by
   * which that cannot be told (not selected, a text, a date, a relation) stops the boot. What your function returns is read
   * the same way, and an answer that says neither, such as `'locked'`, lets nobody in (500). It may be async; after 5
   * seconds without an answer the request fails with 503, and nothing is ended (R75).
   */
  isUserActive?(user: TUser): boolean | Promise<boolean>;
  /**
   * Accept the tokens of imported sessions too, until these expire or are refreshed: `drfAuthentifyTokens` of
   * `nestjs-authentify/migrations`, or an object of your own for another system. Their digests have no key, so leave it
   * out once the last one is over. Default: none.
   */
  acceptLegacyTokens?: LegacyTokens;
  /**
   * Largest context in bytes as it is stored: JSON in ASCII, in which a letter beyond ASCII takes 6 bytes and an emoji 12.
   * Default 4096, at most 65535, which is what `text` holds on MySQL.
   */
  contextMaxBytes?: number;
  /**
   * Prepare the look-ups of sessions once per connection, on PostgreSQL, MySQL and MariaDB. Default `true`; `false` for
   * connection poolers that cannot, such as PgBouncer in transaction mode without `max_prepared_statements`. One that is
   * found out is told of in the log, once, and statements are sent unprepared from then on.
   */
  preparedStatements?: boolean;
  /**
   * For a proxy that splits reads from writes: a comment put before every statement of the library, to the letter, by
   * which the proxy sends them to the primary, such as `'NO LOAD BALANCE'` for Pgpool-II. A replica that is behind would
   * accept sessions that have been revoked (R48). Printable ASCII without `?`, without comment marks, with no `!` in front;
   * sent to PostgreSQL, CockroachDB, MySQL and MariaDB. Default: none.
   */
  sqlComment?: string;
  /**
   * How often the sessions of open sockets and streams are looked up, for what other nodes did: at most that long one
   * lives on after another node ended its session. Default `'30s'`; one statement each time, and none when none is open.
   */
  sessionCheckInterval?: Duration;
}

/** A class that makes the options, for `useClass` and `useExisting`. */
export interface AuthentifyOptionsFactory<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  createAuthentifyOptions(): AuthentifyOptions<TUser, TToken> | Promise<AuthentifyOptions<TUser, TToken>>;
}

/** `imports`, `inject` and one of `useFactory`, `useClass`, `useExisting`. */
export type AuthentifyAsyncOptions<TUser = unknown, TToken = AbstractAuthToken<TUser>> = ConfigurableModuleAsyncOptions<
  AuthentifyOptions<TUser, TToken>,
  'createAuthentifyOptions'
>;
