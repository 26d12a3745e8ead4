import type { SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';
import type { Page } from '../sessions/session-store.js';
import { LIVE, prunable } from './session-conditions.js';
import { newestFirst, olderThan, positionOf } from './login-order.js';
import { SessionLookups } from './session-lookups.js';
import { assertUserExists, classesWithIsActive, withPresentUser } from './users.js';

type Rows = SelectQueryBuilder<AbstractAuthToken>;

/** The part of the store that lists and searches; each method is one statement on the primary (R48). */
export abstract class SessionReads<TToken extends AnyAuthToken> extends SessionLookups<TToken> {
  get tableName(): string {
    return this.table.rows.metadata.tableName;
  }

  userKey(user: unknown): UserId {
    return this.table.userKey(user);
  }

  storedUserKey(user: unknown): Promise<UserId> {
    return this.table.storedUserKey(user);
  }

  assertUserExists(userId: UserId): Promise<void> {
    return assertUserExists(this.table, userId);
  }

  classesWithIsActive(): ReadonlySet<unknown> {
    return classesWithIsActive(this.table.userMetadata);
  }

  async liveOf(userId: UserId, now: number, { limit, before }: Page = {}): Promise<TToken[]> {
    const end = before === undefined ? null : await positionOf(this.table, before);
    return this.table.read(async (rows) => {
      const live = withPresentUser(this.liveRows(rows, userId, now), this.table.userMetadata);
      const found = await newestFirst(olderThan(live, end)).limit(limit).getMany();
      return found.map((row) => this.table.detach(row).session);
    });
  }

  newestLogin(userId: UserId): Promise<number | null> {
    return this.table.read(async (rows) => {
      const own = rows.where(this.table.ownedBy(userId)).select('token.createdAt', 'createdAt');
      const newest = await own.orderBy('token.createdAt', 'DESC').limit(1).getRawOne<{ createdAt: string | number }>();
      return newest ? Number(newest.createdAt) : null;
    });
  }

  surplusIds(userId: UserId, { now, keep, limit }: { now: number; keep: number; limit: number }): Promise<string[]> {
    return this.table.read((rows) =>
      idsOf(
        newestFirst(this.liveRows(rows, userId, now))
          .offset(keep)
          .limit(limit),
      ),
    );
  }

  prunableIds(now: number, limit: number, userId?: UserId): Promise<string[]> {
    return this.table.read((rows) => {
      if (userId !== undefined) rows.where(this.table.ownedBy(userId));
      return idsOf(rows.andWhere(prunable(now)).orderBy('token.pruneAt').limit(limit));
    });
  }

  /**
   * Written and ordered so that every database reads the index on the salt, and so no row without one, however much the
   * table has changed since it was analysed.
   */
  saltedIds(rotatedUntil: Date, limit: number): Promise<string[]> {
    const salted = "token.rotationSalt > '' AND token.rotatedAt <= :until";
    return this.table.read((rows) =>
      idsOf(rows.where(salted, { until: rotatedUntil.getTime() }).orderBy('token.rotationSalt').limit(limit)),
    );
  }

  private liveRows(rows: Rows, userId: UserId, now: number): Rows {
    return rows.where(this.table.ownedBy(userId)).andWhere(LIVE, { now });
  }
}

async function idsOf(rows: Rows): Promise<string[]> {
  const found = await rows.select('token.id', 'id').getRawMany<{ id: string }>();
  return found.map(({ id }) => id);
}
