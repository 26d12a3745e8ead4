import type { ConfigurableModuleAsyncOptions } from '@nestjs/common';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { AuthHook } from './auth-handler.js';
import type { Duration } from './duration.js';

/** Attributes of the cookies that the library writes; an omitted one keeps its default (R57). */
export interface TokenCookieOptions {
  /** Whether cookies need HTTPS. Default `true`; required for `__Host-` and `__Secure-` names and for `sameSite: 'none'`. */
  secure?: boolean;
  /** Hides the cookies from scripts. Default `true`. */
  httpOnly?: boolean;
  /** `SameSite` of the access cookie. Default `'lax'`; the refresh cookie is always `strict`. */
  sameSite?: 'lax' | 'strict' | 'none';
  /** Default `'/'`, the only path that `__Host-` names allow. */
  path?: string;
  /** Default none: the host that sets the cookie. `__Host-` names allow no domain. */
  domain?: string;
}

/** The check of unsafe requests that authenticate by cookie (R54). */
export interface CsrfOptions {
  /** Other origins whose pages may use the user's cookie, as browsers send them: `https://app.example.com`. Default none. */
  trustedOrigins?: readonly string[];
  /** Refuses unsafe requests that have neither `Sec-Fetch-Site` nor `Origin`. Default `false`. */
  requireOrigin?: boolean;
}

/**
 * The tokens of another system whose sessions were imported with its digests: SHA-256, SHA-384 or SHA-512 of the token, in
 * lower-case hex. Neither function may accept a token of this library, nor one that the other function accepts.
 */
export interface LegacyTokens {
  /** Whether the text looks like an access token of the other system. The database then decides whether it is one. */
  isAccessToken(token: string): boolean;
  /** The same for a refresh token. */
  isRefreshToken(token: string): boolean;
}

/**
 * Run-time options. A lifetime is a positive {@link Duration}: a number of seconds or an `ms` string; `null` = none.
 * Wrong values and unknown names stop the boot with an `AuthentifyConfigurationError`.
 */
export interface AuthentifyOptions<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  /** Lifetime of an access token. Default `'24h'`; `null` = it never expires. */
  tokenTtl?: Duration | null;
  /**
   * Lifetime of a refresh token; must be longer than `tokenTtl`. Default `'7d'`, or `null` (no refresh tokens) if `tokenTtl`
   * is `null`.
   */
  refreshTokenTtl?: Duration | null;
  /** Minimum time between two slides of a session; shorter than `tokenTtl`; 0 = every request. Required with `autoRefresh`. */
  autoRefreshInterval?: Duration;
  /** How long after the login sliding may extend a session. Required with `autoRefresh`. */
  autoRefreshMaxTtl?: Duration;
  /** Absolute end of a session, counted from the login (R25). Default `autoRefreshMaxTtl`, else `null`; at least `tokenTtl`. */
  sessionMaxTtl?: Duration | null;
  /** A login ends all other sessions of the user. Default `false`. */
  enforceSingleLogin?: boolean;
  /** Maximum number of sessions of a user; a login beyond it ends the oldest one. Default `null` = no limit. */
  maxSessionsPerUser?: number | null;
  /** Refuses header tokens in cookies and cookie tokens in the header, also for a refresh (R20). Default `true`. */
  enableAuthRestriction?: boolean;
  /**
   * Hash algorithm of the stored digests. Default `'sha256'`. Of a list, the first is written and all are accepted. To change
   * it without logging anyone out: append the new one, move it to the front, later remove the old one (R79).
   */
  secureHashAlgorithm?: 'sha256' | 'sha384' | 'sha512' | readonly ('sha256' | 'sha384' | 'sha512')[];
  /**
   * HMAC keys for the stored digests, at least 32 bytes each; the first is used for new digests, all are accepted (R5).
   * Default none. Recommended in production: a stolen database alone is then worthless. `null` stands for "no key", and only
   * next to a key, to add or remove one. To change a key without logging anyone out: append the new key, move it to the
   * front, later remove the old one (R79).
   */
  hashSecrets?: readonly (string | null)[];
  /** Accepted schemes of the `Authorization` header, in any letter case. Default `['Bearer', 'Token']`. */
  authHeaderPrefixes?: readonly string[];
  /**
   * Names of the access cookie. The first one that the request has counts; the first of the list is written. Default
   * `['__Host-token']`.
   */
  authCookieNames?: readonly string[];
  /**
   * Name of the refresh cookie. Default `'__Host-refresh-token'`; `null` = never written. Of a list, the first one that the
   * request has counts; the first of the list is written, and the others are cleared. Use a list to change the name (R79).
   */
  refreshCookieName?: string | readonly string[] | null;
  /** Keeps the rows of ended sessions: `true` = permanently, a duration = that long. Default `false` = deletes them. */
  keepExpiredTokens?: boolean | Duration;
  /**
   * When to prune, as a cron expression or a `CronExpression`. Default: never; call `revokeExpiredTokens` yourself. Needs
   * `ScheduleModule.forRoot()` of `@nestjs/schedule` in the app. Safe on several instances.
   */
  pruneSchedule?: string;
  /** Makes an unknown key of `contextObj` throw instead of being `undefined`. Default `false`. */
  strictContextAccess?: boolean;
  /** Runs after the library accepted a credential and before the guard returns; may replace user and token. */
  postAuthHandler?: AuthHook<TUser, TToken>;
  /** Runs after the `AutoRefreshInterceptor` extended a session. */
  postAutoRefreshHandler?: AuthHook<TUser, TToken>;
  /**
   * How long the previous refresh token still gets the same new pair, for lost answers and second tabs (R32).
   * Default `'30s'`, at most 60 seconds; 0 = every retry ends the session.
   */
  refreshGracePeriod?: Duration;
  /**
   * Prefix of every token, for secret scanners: `[a-z0-9]{2,10}`. Default `'af'`. Of a list, the first is written and all
   * are accepted. To change it without logging anyone out: append the new one, move it to the front, later remove the old
   * one (R79).
   */
  tokenPrefix?: string | readonly string[];
  /** Attributes of the cookies that the library writes. */
  cookie?: TokenCookieOptions;
  /** Cross-site check of requests that authenticate by cookie; `false` turns it off. */
  csrf?: CsrfOptions | false;
  /** The realm in the `WWW-Authenticate` header. Default `'api'`. */
  realm?: string;
  /**
   * Whether a user may use sessions; called at verification and refresh. Default: the user's `isActive`, if the entity has
   * it. `true` and numbers other than 0 mean active; `false`, 0, `'0'`, an empty bit and `null` mean inactive. A column that
   * cannot be read this way (not selected, a text, a date, a relation) stops the boot. The result of your function is read in
   * the same way; any other result, such as `'locked'`, lets no one in (500). The function may be async; after 5 seconds
   * without an answer the request gets a 503, and nothing is ended (R75).
   */
  isUserActive?(user: TUser): boolean | Promise<boolean>;
  /**
   * Also accepts the tokens of imported sessions, until they expire or are refreshed: `drfAuthentifyTokens` of
   * `nestjs-authentify/migrations`, or your own object for another system. Their digests have no key, so remove this option
   * when the last one has expired. Default: none.
   */
  acceptLegacyTokens?: LegacyTokens;
  /**
   * Maximum size of a context in bytes. It is stored as JSON in ASCII: a letter outside ASCII takes 6 bytes, an emoji 12.
   * Default 4096, at most 65535, the size of `text` in MySQL.
   */
  contextMaxBytes?: number;
  /**
   * Prepares statements once per connection, on PostgreSQL, MySQL and MariaDB. Default `true`. Use `false` for connection
   * poolers without prepared statements, such as PgBouncer in transaction mode without `max_prepared_statements`. If the
   * library detects such a pooler, it logs a warning once and sends statements unprepared.
   */
  preparedStatements?: boolean;
  /**
   * A comment before every statement of the library, for a proxy that splits reads from writes: it makes the proxy send the
   * statement to the primary, such as `'NO LOAD BALANCE'` for Pgpool-II. A replica that lags would accept revoked sessions
   * (R48). Printable ASCII without `?` and comment marks, not beginning with `!`; sent to PostgreSQL, CockroachDB, MySQL and
   * MariaDB. Default: none.
   */
  sqlComment?: string;
  /**
   * How often the library checks the sessions of open sockets and streams: the longest time that one stays open after
   * another server ended its session. Default `'30s'`. Each check is one query; without open sockets and streams there is
   * none.
   */
  sessionCheckInterval?: Duration;
}

/** A class that creates the options, for `useClass` and `useExisting`. */
export interface AuthentifyOptionsFactory<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  createAuthentifyOptions(): AuthentifyOptions<TUser, TToken> | Promise<AuthentifyOptions<TUser, TToken>>;
}

/** `imports`, `inject` and one of `useFactory`, `useClass`, `useExisting`. */
export type AuthentifyAsyncOptions<TUser = unknown, TToken = AbstractAuthToken<TUser>> = ConfigurableModuleAsyncOptions<
  AuthentifyOptions<TUser, TToken>,
  'createAuthentifyOptions'
>;
