import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Milliseconds } from '../../options/duration.js';
import { isPast } from '../../sessions/entities/abstract-auth-token.js';
import { toAsciiJson } from '../../sessions/context.js';
import { deadlinesFrom, type Lifetimes, pruneAtOf } from '../../sessions/lifetimes.js';
import type { SourceRow } from './source-rows.js';

/** Lower-case hex of SHA-256, SHA-384 or SHA-512. */
const DIGEST = /^(?:[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$/;

/** The columns of a row to insert, by name. */
export type ImportedRow = Record<string, unknown> & { id: string };

/**
 * A session of drf-authentify as a row of ours; `null` where nobody could use it. It keeps its digests, dates and
 * lifetimes, and has for its family the digest of its refresh token, until that is exchanged.
 */
export function importedRow(source: SourceRow, now: number, sessionMaxTtl: Milliseconds | null): ImportedRow | null {
  const isKnown = DIGEST.test(source.accessTokenHash) && /^(?:header|cookie)$/.test(source.authType);
  if (!isKnown) return null;
  const createdAt = Number(source.createdAt);
  const lastRefreshedAt = Number(source.lastRefreshedAt);
  const sessionEnd = sessionMaxTtl === null ? null : new Date(createdAt + sessionMaxTtl);
  const deadlines = deadlinesFrom(lastRefreshedAt, lifetimesOf(source, lastRefreshedAt), sessionEnd);
  if (isPast(deadlines.refreshUntil ?? deadlines.expiresAt, now)) return null;

  const refreshTokenHash = deadlines.refreshUntil === null ? null : source.refreshTokenHash;
  return {
    id: idOf(source, createdAt),
    auth_type: source.authType,
    context: toAsciiJson(contextOf(source.context)),
    created_at: createdAt,
    last_refreshed_at: lastRefreshedAt,
    expires_at: deadlines.expiresAt?.getTime() ?? null,
    refresh_until: deadlines.refreshUntil?.getTime() ?? null,
    session_expires_at: sessionEnd?.getTime() ?? null,
    access_token_hash: source.accessTokenHash,
    refresh_token_hash: refreshTokenHash,
    refresh_family_hash: refreshTokenHash,
    prune_at: pruneAtOf(deadlines)?.getTime() ?? null,
    user_id: source.userId,
  };
}

/** Without a refresh token where it has no end, or would not outlive the access token: both are refused here. */
function lifetimesOf({ expiresAt, refreshUntil, refreshTokenHash }: SourceRow, start: number): Lifetimes {
  const access = expiresAt === null ? null : Number(expiresAt) - start;
  const refresh = refreshUntil === null ? null : Number(refreshUntil) - start;
  const isUsable = DIGEST.test(refreshTokenHash ?? '') && access !== null && refresh !== null && refresh > access;
  return { access, refresh: isUsable ? refresh : null };
}

/** The same at each run, so that a second one finds what the first brought over. Sorts by login, as ours do. */
function idOf({ accessTokenHash }: SourceRow, createdAt: number): string {
  return uuidv7({ msecs: createdAt, seq: 0, random: createHash('sha256').update(accessTokenHash).digest() });
}

/** JSON arrives parsed or as text, as the driver likes it. */
function contextOf(stored: unknown): object {
  const context: unknown = typeof stored === 'string' ? JSON.parse(stored) : stored;
  return typeof context === 'object' && context !== null && !Array.isArray(context) ? context : {};
}
