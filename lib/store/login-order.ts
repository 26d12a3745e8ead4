import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { SessionTable } from './session-table.js';
import { timeOf } from '../sessions/uuid.js';

/**
 * Where a session stands among logins: by its time, a number. A database orders text as its collation says, in Danish
 * `aa` after `z`, so the id only tells apart those of one millisecond, where any order will do that stays the same (R46).
 */
export interface Position {
  createdAt: number;
  id: string;
}

/**
 * Where a session stands, by its id in canonical spelling; of one that is gone by the time in the id, which is that of
 * its login (RFC 9562 §5.7).
 */
export async function positionOf(table: SessionTable<AnyAuthToken>, id: string): Promise<Position> {
  const found = await table.read((rows) =>
    rows
      .select('token.createdAt', 'createdAt')
      .where('token.id = :id', { id })
      .getRawOne<{ createdAt: string | number }>(),
  );
  return { id, createdAt: found ? Number(found.createdAt) : timeOf(id) };
}

/** Orders sessions, whose alias is `token`, by login. */
export function newestFirst<TRow extends ObjectLiteral>(rows: SelectQueryBuilder<TRow>): SelectQueryBuilder<TRow> {
  return rows.orderBy('token.createdAt', 'DESC').addOrderBy('token.id', 'DESC');
}

/** Leaves out the session at a position and all later ones. The time is compared twice so that its index is of use. */
export function olderThan<TRow extends ObjectLiteral>(
  rows: SelectQueryBuilder<TRow>,
  position: Position | null,
): SelectQueryBuilder<TRow> {
  if (position === null) return rows;
  return rows.andWhere('token.createdAt <= :endTime AND (token.createdAt < :endTime OR token.id < :endId)', {
    endTime: position.createdAt,
    endId: position.id,
  });
}

/** Leaves out what is older than the session at a position. */
export function notOlderThan<TRow extends ObjectLiteral>(
  rows: SelectQueryBuilder<TRow>,
  position: Position | null,
): SelectQueryBuilder<TRow> {
  if (position === null) return rows;
  return rows.andWhere('token.createdAt >= :startTime AND (token.createdAt > :startTime OR token.id >= :startId)', {
    startTime: position.createdAt,
    startId: position.id,
  });
}
