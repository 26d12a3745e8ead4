import { Brackets, IsNull, LessThanOrEqual } from 'typeorm';
import { stored } from '../sessions/entities/abstract-auth-token.js';
import { upToTheHour } from '../sessions/lifetimes.js';
import type { SessionState } from '../sessions/state.js';

const NOT_ENDED = 'token.revokedAt IS NULL';
const BEFORE_END = `${NOT_ENDED} AND (token.sessionExpiresAt IS NULL OR token.sessionExpiresAt > :now)`;

/** The refresh token of a row works. */
export const REFRESHABLE = `${BEFORE_END} AND token.refreshUntil > :now`;

/** `sessionStateOf` as conditions of queries whose alias is `token`; `:now` is epoch milliseconds. */
export const STATE_CONDITIONS: Record<SessionState, string> = {
  active: `${BEFORE_END} AND (token.expiresAt IS NULL OR token.expiresAt > :now)`,
  idle: `${REFRESHABLE} AND token.expiresAt <= :now`,
  expired:
    `${NOT_ENDED} AND (token.sessionExpiresAt <= :now OR ` +
    '(token.expiresAt <= :now AND (token.refreshUntil IS NULL OR token.refreshUntil <= :now)))',
  ended: 'token.revokedAt IS NOT NULL',
};

/**
 * The last deadline of a row: that of its refresh token, or of its access token where there is none. Exact, where
 * `pruneAt` is that deadline rounded up to the hour, which only says where to look (see `pruneAtOf`). A `pruneAt` that
 * somebody dated back counts as well.
 */
const LAST_DEADLINE = 'COALESCE(token.refreshUntil, token.expiresAt, token.pruneAt)';

/** A row can still be used: it was not ended, and its last deadline lies ahead. `:now` is epoch milliseconds. */
export const LIVE = `${NOT_ENDED} AND (token.pruneAt IS NULL OR (token.pruneAt > :now AND ${LAST_DEADLINE} > :now))`;

/**
 * The opposite of {@link LIVE}, and ended rows that were kept long enough, for statements of any kind. The first
 * condition is what an index answers: it reads what is due, and in vain at most what becomes due within the hour.
 */
export function prunable(now: number): Brackets {
  const isOver = LessThanOrEqual(stored(now));
  return new Brackets((rows) =>
    rows
      .where({ pruneAt: LessThanOrEqual(stored(upToTheHour(now).getTime())) })
      .andWhere(
        new Brackets((due) =>
          due
            .where({ pruneAt: isOver })
            .orWhere({ revokedAt: IsNull(), refreshUntil: isOver })
            .orWhere({ revokedAt: IsNull(), refreshUntil: IsNull(), expiresAt: isOver }),
        ),
      ),
  );
}
