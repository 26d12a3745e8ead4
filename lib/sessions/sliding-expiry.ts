import type { Milliseconds } from '../options/duration.js';
import { type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';
import { type Deadlines, deadlinesFrom, type Lifetimes, ownLifetimes } from './lifetimes.js';

/** How often and for how long after login a session may slide. */
export interface SlidingRules {
  interval: Milliseconds;
  /** Counted from login; `null` = until the session's absolute end. */
  maxTtl: Milliseconds | null;
}

/**
 * Where a session's deadlines move now: each by the session's own lifetime, clamped to its absolute end and to
 * `maxTtl` after login (R42). `null` when no slide is due, or nothing is left to gain.
 */
export function dueSlide(token: AnyAuthToken, now: number, { interval, maxTtl }: SlidingRules): Deadlines | null {
  if (token.expiresAt === null || now - token.lastRefreshedAt.getTime() < interval) return null;
  const own = ownLifetimes(token);
  const moved = deadlinesFrom(Math.min(now, latestStart(token, own, maxTtl)), own, token.sessionExpiresAt);
  return moved.expiresAt !== null && moved.expiresAt > token.expiresAt ? moved : null;
}

/**
 * Where the session may live on by rotation after sliding has ended, the last slide starts as much earlier as it
 * would overshoot: cut off at its end instead, the session's own lifetimes would stay short for good.
 */
function latestStart(token: AnyAuthToken, own: Lifetimes, maxTtl: Milliseconds | null): number {
  if (maxTtl === null || own.access === null) return Infinity;
  const end = token.createdAt.getTime() + maxTtl;
  return isPast(token.sessionExpiresAt, end) ? Infinity : end - own.access;
}
