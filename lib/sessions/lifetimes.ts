import { type Milliseconds, parseNamedDuration } from '../options/duration.js';
import type { AnyAuthToken } from './entities/abstract-auth-token.js';

const HOUR: Milliseconds = 3_600_000;

/** How long the tokens of a session live from login, rotation or slide on; `null` = without end, or no refresh token. */
export interface Lifetimes {
  access: Milliseconds | null;
  refresh: Milliseconds | null;
}

/** The columns that a session's lifetimes decide. */
export interface Deadlines {
  lastRefreshedAt: Date;
  expiresAt: Date | null;
  refreshUntil: Date | null;
}

/** Lifetimes of a call: `undefined` = the option, `null` = none. */
export interface LifetimeOverrides {
  accessExpiresIn?: number | string | null;
  refreshExpiresIn?: number | string | null;
}

/**
 * Reads the lifetimes of one call (R27).
 *
 * @throws TypeError, RangeError for anything but a positive duration.
 */
export function readOverrides(overrides: LifetimeOverrides): Partial<Lifetimes> {
  return {
    access: readOverride('accessExpiresIn', overrides.accessExpiresIn),
    refresh: readOverride('refreshExpiresIn', overrides.refreshExpiresIn),
  };
}

function readOverride(name: string, value: number | string | null | undefined): Milliseconds | null | undefined {
  return value === null || value === undefined ? value : parseNamedDuration(name, value);
}

/** @throws RangeError where the refresh token would not outlive the access token. */
export function checkRefreshOutlivesAccess({ access, refresh }: Lifetimes): void {
  if (refresh !== null && (access === null || refresh <= access)) {
    throw new RangeError(
      'refreshExpiresIn must exceed accessExpiresIn; give both, or refreshExpiresIn: null for no refresh token',
    );
  }
}

/** The deadlines of tokens that start living at `start`, clamped to the session's absolute end (R25). */
export function deadlinesFrom(start: number, lifetimes: Lifetimes, sessionEnd: Date | null): Deadlines {
  return {
    lastRefreshedAt: new Date(start),
    expiresAt: lifetimes.access === null ? sessionEnd : earlier(start + lifetimes.access, sessionEnd),
    refreshUntil: lifetimes.refresh === null ? null : earlier(start + lifetimes.refresh, sessionEnd),
  };
}

/** The lifetimes a session was given, whatever the options say today. */
export function ownLifetimes(token: AnyAuthToken): Lifetimes {
  const start = token.lastRefreshedAt.getTime();
  return {
    access: token.expiresAt === null ? null : token.expiresAt.getTime() - start,
    refresh: token.refreshUntil === null ? null : token.refreshUntil.getTime() - start,
  };
}

/**
 * By when a row can be of no use any more: the index the prune job walks; `null` = never. Rounded up to the hour, so that
 * most slides leave every indexed column as it was: PostgreSQL then writes to the row's own page and to no index (HOT).
 * Whether a row is over is decided by its deadlines alone.
 */
export function pruneAtOf({ refreshUntil, expiresAt }: Pick<Deadlines, 'refreshUntil' | 'expiresAt'>): Date | null {
  const last = refreshUntil ?? expiresAt;
  return last && upToTheHour(last.getTime());
}

/** The end of the hour that an instant lies in, or the instant itself where that is one. */
export function upToTheHour(instant: number): Date {
  return new Date(Math.ceil(instant / HOUR) * HOUR);
}

/** The earlier of an instant and an end that may not exist. */
export function earlier(instant: number, end: Date | null): Date {
  return new Date(end === null ? instant : Math.min(instant, end.getTime()));
}

/** When the access token dies, or the session before it; epoch milliseconds. */
export function deadlineOf({ expiresAt, sessionExpiresAt }: AnyAuthToken): number {
  return Math.min(
    expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    sessionExpiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
  );
}
