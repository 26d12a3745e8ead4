import type { Milliseconds } from '../options/duration.js';
import type { AnyAuthToken } from './entities/abstract-auth-token.js';
import {
  checkRefreshOutlivesAccess,
  type Deadlines,
  deadlinesFrom,
  type Lifetimes,
  ownLifetimes,
} from './lifetimes.js';
import { sameDigest } from './token-digester.js';
import type { StoredToken } from '../store/session-table.js';

/** A refresh that found another generation in the row than its own. */
export interface LateRefresh {
  /** Digest of the presented refresh token under the row's key. */
  presentedDigest: string;
  /** When the call started. */
  now: number;
  /** Whether this call itself had read the presented token as current, before losing to another. */
  wasCurrent: boolean;
  grace: Milliseconds;
}

/**
 * What to make of a refresh token that did not win (R31–R33):
 * - `replay`: a retry or a second tab; it gets the winner's pair.
 * - `overtaken`: it provably raced; it gets nothing and nothing is ended.
 * - `reuse`: a token of an earlier generation came back; the session must end.
 */
export type Verdict = 'replay' | 'overtaken' | 'reuse';

/** Judges a refresh token that is not its session's current one, by the row as it stands now. */
export function judge({ token, digests }: StoredToken<AnyAuthToken>, call: LateRefresh): Verdict {
  // Nothing is near, or before, a rotation that never was.
  const rotatedAt = token.rotatedAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  if (call.grace === 0) return 'reuse';
  const isPrevious = sameDigest(call.presentedDigest, digests.previousRefreshTokenHash);
  // Clocks of nodes differ, and a sibling may have started before the winner.
  if (isPrevious && Math.abs(call.now - rotatedAt) < call.grace) return 'replay';
  return call.wasCurrent || call.now < rotatedAt ? 'overtaken' : 'reuse';
}

/**
 * The deadlines a rotation gives: the session's own lifetimes, or this call's, from now on, within its absolute end.
 * A clock that was set back shortens nothing (R28).
 *
 * @throws RangeError where the refresh token would not outlive the access token.
 */
export function rotatedDeadlines(token: AnyAuthToken, now: number, overrides: Partial<Lifetimes>): Deadlines {
  const own = ownLifetimes(token);
  const lifetimes: Lifetimes = {
    access: overrides.access === undefined ? own.access : overrides.access,
    refresh: overrides.refresh === undefined ? own.refresh : overrides.refresh,
  };
  if (!endsWithSession(token, overrides)) checkRefreshOutlivesAccess(lifetimes);
  return deadlinesFrom(Math.max(now, token.lastRefreshedAt.getTime()), lifetimes, token.sessionExpiresAt);
}

/** The session's own refresh lifetime was cut short by its absolute end, as the access lifetime will be. */
function endsWithSession(token: AnyAuthToken, { refresh }: Partial<Lifetimes>): boolean {
  return refresh === undefined && token.refreshUntil?.getTime() === token.sessionExpiresAt?.getTime();
}
