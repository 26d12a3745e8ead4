import { Injectable } from '@nestjs/common';
import { IsNull } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken } from '../entities/abstract-auth-token.js';
import { pruneAtOf } from '../lifetimes.js';
import { TokenTable } from '../token-table.js';
import { type DeadlineEdit, editedDeadlines } from './edited-deadlines.js';

/** What only an administrator does to sessions of others. */
@Injectable()
export class TokenEditor<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(private readonly table: TokenTable<TToken>) {}

  /**
   * Sets a session's dates, if it still is as it was read: neither slid, rotated nor ended since.
   *
   * @returns whether it was, and moves the entity's dates along.
   * @throws RangeError for dates that cannot be.
   */
  async setDeadlines(token: TToken, edit: DeadlineEdit, now: number): Promise<boolean> {
    const columns = editedDeadlines(token, edit, now);
    const { id, lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt } = token;
    const asRead = {
      id,
      revokedAt: IsNull(),
      lastRefreshedAt,
      expiresAt: expiresAt ?? IsNull(),
      refreshUntil: refreshUntil ?? IsNull(),
      sessionExpiresAt: sessionExpiresAt ?? IsNull(),
    };
    const changed = await this.table.update(asRead, { ...columns, pruneAt: pruneAtOf(columns) });
    if (changed !== 1) return false;
    Object.assign(token, columns);
    return true;
  }

  /** Deletes rows by id, ended or not, whatever `keepExpiredTokens` says. Returns how many there were. */
  delete(id: string): Promise<number> {
    return this.table.delete({ id });
  }
}
