import { Inject, Injectable, Logger } from '@nestjs/common';
import {
  type Brackets,
  type FindOptionsWhere,
  In,
  IsNull,
  LessThanOrEqual,
  MoreThan,
  Not,
  type SelectQueryBuilder,
} from 'typeorm';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type {
  AbstractAuthToken,
  AnyAuthToken,
  RevokedReason,
  UserId,
} from '../sessions/entities/abstract-auth-token.js';
import { stored } from '../sessions/entities/instant.transformer.js';
import { LIVE, prunable } from './last-deadline.js';
import { newestFirst, olderThan, positionOf } from './login-order.js';
import type { NewSession, Page, PresentedToken, RotatedColumns, SlidColumns } from './session-columns.js';
import { withPresentUser } from './present-users.js';
import { TokenQueries } from './token-queries.js';
import { type StoredToken, TokenTable } from './session-table.js';
import { type TokenWrites, writesOf } from './compiled-writes.js';

type Criteria = FindOptionsWhere<AbstractAuthToken>;

/**
 * Every statement that changes a session, each a single one whose affected rows decide, each repeating
 * `revoked_at IS NULL` so that a revoked session never comes back (R18).
 */
@Injectable()
export class TokenRepository<TToken extends AnyAuthToken = AbstractAuthToken> extends TokenQueries<TToken> {
  private readonly logger = new Logger('TokenService');
  private compiled?: TokenWrites;
  /** `false` = ended rows are deleted, `true` = kept, a duration = kept that long. */
  private readonly keep: boolean | Milliseconds;

  constructor(
    table: TokenTable<TToken>,
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
  ) {
    super(table);
    this.keep = options.keepExpiredTokens;
  }

  /** @internal The same statements in an app's transaction. */
  within(table: TokenTable<TToken>): TokenRepository<TToken> {
    const tokens = new TokenRepository(table, this.options);
    tokens.compiled = this.writes;
    return tokens;
  }

  /** Opens a session; returns it with what the database filled in. */
  async insert(session: NewSession, userId: UserId): Promise<TToken> {
    const { columns, lazyRelations } = this.table.rows.metadata;
    const values: AbstractAuthToken = Object.assign(this.table.rows.create(), session);
    // An INSERT of TypeORM's would load them, which nobody waits for: the process would die where that fails (R72).
    for (const relation of lazyRelations) if (relation.isOwning) relation.setEntityValue(values, null);
    values.user = userId;
    await this.writes.insert(this.table, values);
    for (const column of columns) {
      if (column.isSelect && column.getEntityValue(values) === undefined) column.setEntityValue(values, null);
    }
    delete values.user;
    values.userId = userId;
    return this.table.detach(values).token;
  }

  /**
   * Replaces a session's pair, if the presented refresh token is still its current one (R30). `rotatedAt` is when the
   * statement is sent, `now` at the earliest: a call that waited long must not leave a grace period that is over.
   *
   * @returns that time, or `null` where the presented token was not current any more.
   */
  rotate(presented: PresentedToken, columns: RotatedColumns): Promise<Date | null> {
    return this.writes.rotate(this.table, presented, columns);
  }

  /** Moves a session's deadlines, if nobody rotated, slid or ended it since it was read (R41, R43). */
  async slide(session: TToken, accessDigests: readonly string[], now: number, columns: SlidColumns): Promise<boolean> {
    const unchanged: Criteria = {
      id: session.id,
      accessTokenHash: In(accessDigests),
      lastRefreshedAt: session.lastRefreshedAt,
      revokedAt: IsNull(),
      expiresAt: MoreThan(stored(now)),
    };
    return (await this.table.update(unchanged, columns)) === 1;
  }

  /** Ends sessions by id; `userId` limits it to that user's own. */
  end(ids: readonly string[], reason: RevokedReason, now: number, userId?: UserId): Promise<number> {
    return this.endWhere({ id: In(ids), ...(userId === undefined ? {} : this.table.ownedBy(userId)) }, reason, now);
  }

  /**
   * Ends a session whose refresh token came back. Within an app's transaction the ending also stands when that is rolled
   * back: it is done again on the same connection then, before the app goes on (R31).
   *
   * @throws AuthentifyUnavailableError where the row is not as this transaction read it: its snapshot is older.
   */
  async endForReuse({ token, digests }: StoredToken<TToken>, now: number): Promise<number> {
    const end = (): Promise<number> => this.end([token.id], 'reuse-detected', now);
    const { transaction } = this.table;
    if (!transaction) return end();
    const asRead: Criteria = { id: token.id, refreshTokenHash: digests.refreshTokenHash ?? IsNull() };
    const ended = await this.endWhere(asRead, 'reuse-detected', now);
    if (ended === 0) throw new AuthentifyUnavailableError();
    await transaction.onceOver(() =>
      end().catch((error: Error) => this.logger.error(`Session ${token.id} was not ended for reuse`, error.stack)),
    );
    return ended;
  }

  /** Ends all sessions of a user but one. */
  endAllOf(userId: UserId, now: number, exceptId?: string): Promise<number> {
    const others = exceptId === undefined ? {} : { id: Not(exceptId) };
    return this.endWhere({ ...this.table.ownedBy(userId), ...others }, 'revoked-all', now);
  }

  /** Ends those of these sessions that can never be used again, and drops those kept long enough (R52). */
  async prune(ids: readonly string[], now: number): Promise<number> {
    const these: Criteria = { id: In(ids) };
    if (this.keep === false) return this.table.delete(these, prunable(now));
    const expired = await this.endWhere(these, 'expired', now, prunable(now));
    return expired + (await this.table.delete({ ...these, revokedAt: Not(IsNull()) }, prunable(now)));
  }

  /** Forgets what the grace period of these sessions' last rotation was derived from. */
  wipeSalts(ids: readonly string[], rotatedUntil: Date): Promise<number> {
    const stale: Criteria = {
      id: In(ids),
      rotationSalt: Not(IsNull()),
      rotatedAt: LessThanOrEqual(stored(rotatedUntil.getTime())),
    };
    return this.table.update(stale, { rotationSalt: null });
  }

  /** When the newest of a user's sessions was opened, ended or not, in epoch milliseconds; `null` where there is none. */
  newestCreatedAt(userId: UserId): Promise<number | null> {
    return this.table.read(async (rows) => {
      const own = rows.where(this.table.ownedBy(userId)).select('token.createdAt', 'createdAt');
      const newest = await own.orderBy('token.createdAt', 'DESC').limit(1).getRawOne<{ createdAt: string | number }>();
      return newest ? Number(newest.createdAt) : null;
    });
  }

  /** Ids of a user's live sessions beyond the newest `limit`, at most `batch` of them. */
  surplusIds(userId: UserId, now: number, limit: number, batch: number): Promise<string[]> {
    return this.table.read((rows) =>
      this.idsOf(
        newestFirst(this.liveOf(rows, userId, now))
          .offset(limit)
          .limit(batch),
      ),
    );
  }

  /** A user's live sessions, newest first; of a page at most so many, older than that one. */
  async live(userId: UserId, now: number, { limit, before }: Page = {}): Promise<TToken[]> {
    const end = before === undefined ? null : await positionOf(this.table, before);
    return this.table.read(async (rows) => {
      const live = withPresentUser(this.liveOf(rows, userId, now), this.table.userMetadata);
      const found = await newestFirst(olderThan(live, end)).limit(limit).getMany();
      return found.map((row) => this.table.detach(row).token);
    });
  }

  /** Ids of rows that are due for pruning, longest due first. */
  prunableIds(now: number, limit: number, userId?: UserId): Promise<string[]> {
    return this.table.read((rows) => {
      if (userId !== undefined) rows.where(this.table.ownedBy(userId));
      return this.idsOf(rows.andWhere(prunable(now)).orderBy('token.pruneAt').limit(limit));
    });
  }

  /**
   * Ids of rows whose last rotation is that old and still has its salt. Written and ordered so that every database reads
   * the index on the salt, and so no row without one, however much the table has changed since it was analysed.
   */
  saltedIds(rotatedUntil: Date, limit: number): Promise<string[]> {
    const salted = "token.rotationSalt > '' AND token.rotatedAt <= :until";
    return this.table.read((rows) =>
      this.idsOf(rows.where(salted, { until: rotatedUntil.getTime() }).orderBy('token.rotationSalt').limit(limit)),
    );
  }

  /** Compiled when first needed: once the data source knows its entities. */
  private get writes(): TokenWrites {
    this.compiled ??= writesOf(this.table);
    return this.compiled;
  }

  private liveOf(rows: SelectQueryBuilder<AbstractAuthToken>, userId: UserId, now: number): typeof rows {
    return rows.where(this.table.ownedBy(userId)).andWhere(LIVE, { now });
  }

  private async idsOf(rows: SelectQueryBuilder<AbstractAuthToken>): Promise<string[]> {
    const found = await rows.select('token.id', 'id').getRawMany<{ id: string }>();
    return found.map(({ id }) => id);
  }

  private endWhere(criteria: Criteria, reason: RevokedReason, now: number, also?: Brackets): Promise<number> {
    const live: Criteria = { ...criteria, revokedAt: IsNull() };
    if (this.keep === false) return this.table.delete(live, also);
    const changes = {
      revokedAt: new Date(now),
      revokedReason: reason,
      rotationSalt: null,
      pruneAt: this.keep === true ? null : new Date(now + this.keep),
    };
    return this.table.update(live, changes, also);
  }
}
