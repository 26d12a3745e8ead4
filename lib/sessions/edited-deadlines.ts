import { type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';
import type { Deadlines } from './lifetimes.js';

/** Dates set by hand; what is left out stays as it is. `expiresAt: null` = never. */
export interface DeadlineEdit {
  expiresAt?: Date | null;
  refreshUntil?: Date;
}

/** What an edit writes. */
export type EditedDeadlines = Deadlines & { sessionExpiresAt: Date | null };

/**
 * The columns of a session whose dates were set by hand, so that they hold through later slides and rotations:
 * shortened, the session ends there for good (`sessionExpiresAt`); extended, its own lifetimes count from later on
 * (`lastRefreshedAt`) instead of growing.
 *
 * @throws RangeError for dates that are over, contradict each other, or pass the session's absolute end (R25).
 */
export function editedDeadlines(token: AnyAuthToken, edit: DeadlineEdit, now: number): EditedDeadlines {
  const expiresAt = edit.expiresAt === undefined ? token.expiresAt : edit.expiresAt;
  const refreshUntil = edit.refreshUntil ?? token.refreshUntil;
  checkAhead('expiresAt', edit.expiresAt, now);
  checkAhead('refreshUntil', edit.refreshUntil, now);
  checkOrder(token, expiresAt, refreshUntil);
  checkEnd(token, edit);
  return {
    expiresAt,
    refreshUntil,
    lastRefreshedAt: new Date(token.lastRefreshedAt.getTime() + gained(token.expiresAt, expiresAt)),
    sessionExpiresAt: endOf(token, expiresAt, refreshUntil),
  };
}

function checkAhead(name: string, date: Date | null | undefined, now: number): void {
  if (isPast(date, now)) throw new RangeError(`${name} must lie ahead; revoke the session to end it now`);
}

function checkOrder(token: AnyAuthToken, expiresAt: Date | null, refreshUntil: Date | null): void {
  if (refreshUntil === null) return;
  if (token.refreshUntil === null) throw new RangeError('refreshUntil cannot be set: the session has no refresh token');
  if (expiresAt === null || refreshUntil < expiresAt) {
    throw new RangeError('refreshUntil must not be earlier than expiresAt; set both');
  }
}

function checkEnd({ sessionExpiresAt }: AnyAuthToken, { expiresAt, refreshUntil }: DeadlineEdit): void {
  if (sessionExpiresAt === null) return;
  const passesEnd = (date: Date | undefined): boolean => date !== undefined && date > sessionExpiresAt;
  if (expiresAt === null || passesEnd(expiresAt) || passesEnd(refreshUntil)) {
    throw new RangeError(
      `expiresAt and refreshUntil must not pass the session's absolute end, ${sessionExpiresAt.toISOString()}`,
    );
  }
}

/** How much later an expiry became. */
function gained(before: Date | null, after: Date | null): number {
  return before === null || after === null ? 0 : Math.max(0, after.getTime() - before.getTime());
}

/** A session cut short ends there; so does one whose refresh token, living no longer than access, has nothing to give. */
function endOf(token: AnyAuthToken, expiresAt: Date | null, refreshUntil: Date | null): Date | null {
  const last = refreshUntil ?? expiresAt;
  if (last === null) return token.sessionExpiresAt;
  const before = token.refreshUntil ?? token.expiresAt;
  const isShorter = before === null || last < before;
  return isShorter || refreshUntil?.getTime() === expiresAt?.getTime() ? last : token.sessionExpiresAt;
}
