import type { TransactionOptions } from '../options/call-options.js';
import type { AdminAttribution } from '../events/authentify-event.js';
import type { AuthentifyEvents } from '../events/authentify-events.js';
import type { AbstractAuthToken, AnyAuthToken, RevokedReason, UserId } from './entities/abstract-auth-token.js';
import type { Deadlines } from './lifetimes.js';

/** The columns that decide, kept apart from the entity so that they cannot leave with it (R63). */
export interface StoredDigests {
  accessTokenHash: string;
  refreshTokenHash: string | null;
  refreshFamilyHash: string | null;
  previousRefreshTokenHash: string | null;
  rotationSalt: string | null;
}

/** A session as the database has it: the entity, and the digests it is compared by. */
export interface StoredSession<TToken extends AnyAuthToken = AbstractAuthToken> {
  session: TToken;
  digests: StoredDigests;
}

/** A session as it is inserted. */
export type NewSession = StoredDigests &
  Deadlines &
  Pick<AbstractAuthToken, 'id' | 'authType' | 'context' | 'createdAt' | 'sessionExpiresAt'>;

/** The refresh token that a rotation replaces. */
export interface Replaced {
  /** Its digest, which must still be the session's current one. */
  digest: string;
  /** When the call started. */
  now: number;
}

/** Why sessions end, when, and whose they are, for the event. */
export interface Ending {
  reason: RevokedReason;
  now: number;
  userId?: UserId | undefined;
}

/** A part of a list: how many, and older than which session, by its id in canonical spelling. */
export interface Page {
  limit?: number | undefined;
  before?: string | undefined;
}

/** The store refused a new session because another one has a digest of it: two secrets were the same. */
export class DuplicateDigestError extends Error {}

/**
 * All that sessions ask of the database, in their own words. Each write is one conditional statement that repeats that
 * the session was not ended, so a revoked session never comes back (R18), and tells its event where it changed a row.
 *
 * Every method throws `AuthentifyUnavailableError` where the database cannot answer.
 */
export abstract class SessionStore<TToken extends AnyAuthToken = AbstractAuthToken> {
  /** Tells what happens to sessions of this store, marked as it is. */
  abstract readonly events: AuthentifyEvents;

  /** Whether this store is part of the app's own transaction, where nothing can be asked a second time. */
  abstract readonly isInTransaction: boolean;

  /** The table's name in the database. */
  abstract readonly tableName: string;

  /** This store, or the same in the app's transaction. @throws TypeError for a manager that cannot be used. */
  abstract within(options: TransactionOptions | undefined): SessionStore<TToken>;

  /** The same store, whose events tell whose act it was (R76). */
  abstract attributedTo(attribution: AdminAttribution): SessionStore<TToken>;

  /** Checks the set-up without a statement. @throws AuthentifyConfigurationError where sessions cannot be kept here. */
  abstract check(): void;

  /** The same with the database, and gets ready, so that the first request does not wait for it. */
  abstract prepare(): Promise<void>;

  /** A user's primary key, from the entity or the key itself. @throws TypeError for anything else (R21). */
  abstract userKey(user: unknown): UserId;

  /** The same as the database spells it; as given where there is no such user. @throws TypeError as {@link userKey}. */
  abstract storedUserKey(user: unknown): Promise<UserId>;

  /** @throws AuthentifyUserNotFoundError where the database has no such user and the INSERT would not tell (R73). */
  abstract assertUserExists(userId: UserId): Promise<void>;

  /**
   * The classes of users that say themselves whether they are active, by `isActive`.
   *
   * @throws AuthentifyConfigurationError for an `isActive` by which that cannot be told (R73).
   */
  abstract classesWithIsActive(): ReadonlySet<unknown>;

  /** The session of an access token with its user, by one of the token's digests: one for each accepted form. */
  abstract findByAccess(digests: readonly string[]): Promise<TToken | null>;

  /** The session of a family of refresh tokens with its user, by one of the family's digests. */
  abstract findByFamily(digests: readonly string[]): Promise<StoredSession<TToken> | null>;

  /** Sessions by id with their users, ended ones too; those that are gone are left out. */
  abstract findByIds(ids: readonly string[]): Promise<TToken[]>;

  /** A user's sessions that can still be used, newest first; of a page at most so many, older than that one. */
  abstract liveOf(userId: UserId, now: number, page?: Page): Promise<TToken[]>;

  /** When the newest of a user's sessions was opened, ended or not, in epoch milliseconds; `null` where there is none. */
  abstract newestLogin(userId: UserId): Promise<number | null>;

  /** Ids of a user's live sessions beyond the newest `keep`, at most `limit` of them. */
  abstract surplusIds(userId: UserId, range: { now: number; keep: number; limit: number }): Promise<string[]>;

  /** Ids of sessions that are due for pruning, longest due first; those of one user, or of all. */
  abstract prunableIds(now: number, limit: number, userId?: UserId): Promise<string[]>;

  /** Ids of sessions whose last rotation is that old and still has its salt. */
  abstract saltedIds(rotatedUntil: Date, limit: number): Promise<string[]>;

  /**
   * Opens a session; returns it with what the database filled in.
   *
   * @throws DuplicateDigestError where another session has one of its digests.
   * @throws AuthentifyUserNotFoundError where the database has no such user.
   */
  abstract insert(session: NewSession, userId: UserId): Promise<TToken>;

  /**
   * Replaces a session's pair, if the presented refresh token is still its current one (R30). The rotation's time is when
   * the statement is sent, `now` at the earliest: a call that waited long must not leave a grace period that is over.
   *
   * @returns that time, or `null` where the presented token was not current any more.
   */
  abstract rotate(session: TToken, replaced: Replaced, columns: StoredDigests & Deadlines): Promise<Date | null>;

  /**
   * Moves a session's deadlines, if nobody rotated, slid or ended it since it was read (R41, R43).
   *
   * @param accessDigests what the access token may be stored as.
   * @param forgetsRotation wipes the salt of the last rotation too: its grace period is over.
   * @returns whether it was as read.
   */
  abstract slide(
    session: TToken,
    accessDigests: readonly string[],
    to: { now: number; deadlines: Deadlines; forgetsRotation: boolean },
  ): Promise<boolean>;

  /** Ends sessions by id. @returns how many had not ended before. */
  abstract end(ids: readonly string[], ending: Ending): Promise<number>;

  /** Tells of sessions that ended: for endings of which the answer came late. */
  abstract tellEnded(ids: readonly string[], count: number, ending: Ending): void;

  /** Ends a session by id if it is that user's own. @returns 1, or 0. */
  abstract endOwn(user: unknown, id: string, now: number): Promise<number>;

  /** Ends all sessions of a user, or all but one. @returns how many. */
  abstract endAllOf(user: unknown, now: number, exceptId?: string): Promise<number>;

  /**
   * Ends a session because an earlier refresh token of it came back. Within an app's transaction the ending also stands
   * when that is rolled back (R31).
   *
   * @throws AuthentifyUnavailableError where the row is not as this transaction read it: its snapshot is older.
   */
  abstract endForReuse(stored: StoredSession<TToken>, now: number): Promise<number>;

  /** Ends a session that nobody was told of: a login that failed. */
  abstract withdraw(id: string, now: number): Promise<void>;

  /** Ends those of these sessions that can never be used again, and drops those kept long enough (R52). */
  abstract prune(ids: readonly string[], now: number): Promise<number>;

  /** Forgets what the pairs of these sessions' last rotation were derived from. */
  abstract wipeSalts(ids: readonly string[], rotatedUntil: Date): Promise<number>;

  /**
   * Sets a session's dates, if it is still as it was read: neither slid, rotated nor ended since.
   *
   * @returns whether it was, and moves the entity's dates along.
   */
  abstract edit(session: TToken, columns: Deadlines & Pick<AnyAuthToken, 'sessionExpiresAt'>): Promise<boolean>;

  /**
   * Deletes a session's row, ended or not; with `keepExpiredTokens` only what has been kept for long enough, so that no
   * record is lost before its time.
   *
   * @returns whether there was such a row.
   */
  abstract delete(session: TToken, now: number): Promise<boolean>;

  /** Whether a write failed without an answer: it may have been done, or may be done yet. */
  abstract isUnanswered(error: unknown): boolean;

  /** Whether a statement failed by its connection; another one may do. */
  abstract isLost(error: unknown): boolean;
}
