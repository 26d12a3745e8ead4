import { inspect, type InspectOptions } from 'node:util';
import { Column, type ColumnOptions, FindOperator, Index, PrimaryColumn, type ValueTransformer } from 'typeorm';
import type { AuthType } from '../auth-type.js';
import { contextViewOf, readContext, toAsciiJson } from '../context.js';
import { hide } from '../hidden.js';
import type { DeepReadonly, JsonObject } from '../json.js';

/** The primary key of a user as TypeORM returns it; `bigint` keys are strings. */
export type UserId = string | number;

/** Why a session ended. */
export type RevokedReason = 'revoked' | 'revoked-all' | 'single-login' | 'session-limit' | 'reuse-detected' | 'expired';

/**
 * Stores an instant as epoch milliseconds, so that no time zone of a process or a session can shift it (R24).
 * PostgreSQL and MySQL hand `bigint` back as a string.
 */
export const instantTransformer: ValueTransformer = {
  to: (value: unknown) => {
    // TypeORM 0.3 hands over the operators of an UPDATE and a DELETE as they are, TypeORM 1 their values.
    if (value instanceof FindOperator) value.transformValue(instantTransformer);
    // A find operator's value is transformed in place, so a repeated statement brings it here a second time.
    return value instanceof Date ? value.getTime() : value;
  },
  from: (value: string | number | null | undefined) =>
    value === null || value === undefined ? value : new Date(Number(value)),
};

/** An instant for an operator such as `LessThan`, as it is stored: TypeORM 0.3 does not transform it in every criteria. */
export function stored(instant: number): Date {
  return instant as unknown as Date;
}

/**
 * Stores a context as text. TypeORM's own `simple-json` makes the same column, but writes other letters as they are, and
 * one row that it cannot parse fails the query for all the others.
 */
export const contextTransformer: ValueTransformer = {
  // TypeORM transforms a find operator's value in place, so a repeated statement brings it here a second time.
  to: (value: unknown) => (typeof value === 'string' || value === undefined ? value : toAsciiJson(value)),
  // By null TypeORM knows a row that a join did not find.
  from: (stored: unknown) => (stored === null || stored === undefined ? stored : readContext(stored)),
};

const INSTANT: ColumnOptions = { type: 'bigint', transformer: instantTransformer };
const OPTIONAL_INSTANT: ColumnOptions = { ...INSTANT, nullable: true };
/** Lower-case hex of the longest digest, SHA-512. Selected only by the look-ups that compare it. */
const DIGEST: ColumnOptions = { type: 'varchar', length: 128, nullable: true, select: false };

/** Absent from JSON and `inspect` even where an app has loaded it (R63). */
export const NEVER_SHOWN: ReadonlySet<string> = new Set([
  'accessTokenHash',
  'refreshTokenHash',
  'refreshFamilyHash',
  'previousRefreshTokenHash',
  'rotationSalt',
  'pruneAt',
  'user',
] satisfies (keyof AbstractAuthToken)[]);

/** What is shown of every token; an app's own columns come on top. */
export const SHOWN: readonly string[] = [
  'id',
  'userId',
  'authType',
  'context',
  'createdAt',
  'lastRefreshedAt',
  'expiresAt',
  'refreshUntil',
  'sessionExpiresAt',
  'rotatedAt',
  'revokedAt',
  'revokedReason',
] satisfies (keyof AbstractAuthToken)[];

/**
 * A session on one device, one row of the table. Extend it to add columns. The id never changes, while the access and the
 * refresh token change on rotation. Raw tokens are never stored.
 *
 * @typeParam TUser the user entity of the app.
 * @typeParam TContext the type of `context`.
 */
export abstract class AbstractAuthToken<TUser = unknown, TContext extends object = JsonObject> {
  constructor() {
    // Found by nobody who walks over properties, also where the app's own query joins it: until a field of the app's
    // class is defined over it, as TypeScript does with useDefineForClassFields.
    hide(this, 'user');
  }

  /** The public id of the session, a UUID v7; safe to show and to log. */
  @PrimaryColumn({ type: 'varchar', length: 36 })
  id!: string;

  /** The user; declare it with `@TokenOwner(() => User)`. Verification and refresh load it, lists do not. */
  abstract user: TUser;

  /** The primary key of the user; always loaded. */
  userId!: UserId;

  /** The transport of the session. */
  @Column({ name: 'auth_type', type: 'varchar', length: 16 })
  authType!: AuthType;

  /**
   * The data that the app gave at login; deeply frozen. If the row does not contain a JSON object, the context is empty, and
   * the session is refused.
   */
  @Column({ type: 'text', transformer: contextTransformer })
  context!: TContext;

  /** When the user logged in. With a session limit, always later than the user's previous login (R46). */
  @Index()
  @Column({ name: 'created_at', ...INSTANT })
  createdAt!: Date;

  /** The time of the login, or of the last refresh or slide. */
  @Column({ name: 'last_refreshed_at', ...INSTANT })
  lastRefreshedAt!: Date;

  /** When the access token expires; `null` = never. */
  @Column({ name: 'expires_at', ...OPTIONAL_INSTANT })
  expiresAt!: Date | null;

  /** When the refresh token expires; `null` = there is none. */
  @Column({ name: 'refresh_until', ...OPTIONAL_INSTANT })
  refreshUntil!: Date | null;

  /** The absolute end, fixed at login; `null` = none (`sessionMaxTtl`). */
  @Column({ name: 'session_expires_at', ...OPTIONAL_INSTANT })
  sessionExpiresAt!: Date | null;

  /** When the last rotation took place; `null` = never. */
  @Column({ name: 'rotated_at', ...OPTIONAL_INSTANT })
  rotatedAt!: Date | null;

  /** When the session ended, if `keepExpiredTokens` keeps its row; `null` = it has not ended. */
  @Column({ name: 'revoked_at', ...OPTIONAL_INSTANT })
  revokedAt!: Date | null;

  /** Why the session ended, if `keepExpiredTokens` keeps its row. */
  @Column({ name: 'revoked_reason', type: 'varchar', length: 32, nullable: true })
  revokedReason!: RevokedReason | null;

  /** Digest of the access token. This and the columns below are the library's own, and not selected by default. */
  @Index({ unique: true })
  @Column({ name: 'access_token_hash', ...DIGEST, nullable: false })
  accessTokenHash?: string;

  /** Digest of the refresh token; `null` = there is none. */
  @Column({ name: 'refresh_token_hash', ...DIGEST })
  refreshTokenHash?: string | null;

  /** Digest of what all refresh tokens of the session have in common, by which reuse is recognised (R34). */
  @Index({ unique: true })
  @Column({ name: 'refresh_family_hash', ...DIGEST })
  refreshFamilyHash?: string | null;

  /** Digest of the refresh token before; `null` = the session was never refreshed. */
  @Column({ name: 'previous_refresh_token_hash', ...DIGEST })
  previousRefreshTokenHash?: string | null;

  /** What the current pair is derived from once more within the grace period (R32). Indexed, so that the prune job finds the few rows that have one. */
  @Index()
  @Column({ name: 'rotation_salt', type: 'varchar', length: 64, nullable: true, select: false })
  rotationSalt?: string | null;

  /** From when on the row may be pruned, rounded up to the hour; `null` = never by itself. */
  @Index()
  @Column({ name: 'prune_at', ...OPTIONAL_INSTANT, select: false })
  pruneAt?: Date | null;

  /** Whether the access token has expired. A refresh may still be possible. */
  get isExpired(): boolean {
    const now = Date.now();
    return isPast(this.expiresAt, now) || isPast(this.sessionExpiresAt, now);
  }

  /** Whether the access token works now: neither ended nor expired. */
  get isActive(): boolean {
    return this.revokedAt === null && !this.isExpired;
  }

  /** The context, read-only at every depth; an unknown key throws with `strictContextAccess`. */
  get contextObj(): DeepReadonly<TContext> {
    return contextViewOf(this, this.context) as DeepReadonly<TContext>;
  }

  /** The columns that may be shown: no digests, and not the user, which may contain secrets. */
  toJSON(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this).filter(([name]) => !NEVER_SHOWN.has(name)));
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `${this.constructor.name} ${inspect(this.toJSON(), options)}`;
  }
}

/** A session of any user and context, for generic code. */
export type AnyAuthToken = AbstractAuthToken<unknown, object>;

/**
 * Whether `deadline` has been reached: a token is dead from its expiry on, not after it (R24). So is one whose row holds
 * what is no date.
 */
export function isPast(deadline: Date | null | undefined, now: number): boolean {
  return deadline !== null && deadline !== undefined && !(now < deadline.getTime());
}
