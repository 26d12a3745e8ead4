import type { Milliseconds } from '../options/duration.js';
import type { AbstractAuthToken } from './entities/abstract-auth-token.js';
import { type Deadlines, deadlinesFrom, earlier, ownLifetimes } from './lifetimes.js';

/** How often and for how long after login a session may slide. */
export interface SlidingRules {
  interval: Milliseconds;
  /** Counted from login; `null` = until the session's absolute end. */
  maxTtl: Milliseconds | null;
}

/**
 * Where a session's deadlines move now: each by the session's own lifetime, clamped to its absolute end and to
 * `maxTtl` after login, never back (R42). `null` when no slide is due, or nothing is left to gain.
 */
export function dueSlide(token: AbstractAuthToken, now: number, { interval, maxTtl }: SlidingRules): Deadlines | null {
  if (token.expiresAt === null || now - token.lastRefreshedAt.getTime() < interval) return null;
  const end =
    maxTtl === null ? token.sessionExpiresAt : earlier(token.createdAt.getTime() + maxTtl, token.sessionExpiresAt);
  const moved = deadlinesFrom(now, ownLifetimes(token), end);
  if (moved.expiresAt === null || moved.expiresAt <= token.expiresAt) return null;
  return { ...moved, refreshUntil: later(moved.refreshUntil, token.refreshUntil) };
}

function later(moved: Date | null, current: Date | null): Date | null {
  return moved !== null && current !== null && current > moved ? current : moved;
}
