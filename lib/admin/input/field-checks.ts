import type { Check } from '../../options/option-checks.js';
import type { UserId } from '../../sessions/entities/abstract-auth-token.js';
import { canonicalUuid } from '../../sessions/uuid.js';

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;
/** Keeps ids and dates made from an instant in their ranges. */
const FIRST_YEAR = 1970;

/** A field that may be left out. */
export const maybe =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value) =>
    value === undefined ? undefined : check(value);

export const sessionId: Check<string> = (value) => {
  const id = canonicalUuid(value);
  if (id === null) throw new TypeError('must be the id of a session');
  return id;
};

/**
 * A primary key as JSON or a URL can carry it; the user entity's own type is checked where it is known. A number that is
 * no safe integer may have been another one when it was sent (R73).
 */
export const userKey: Check<UserId> = (value) => {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (typeof value === 'string' && value.length > 0 && value.length <= 255) return value;
  throw new TypeError("must be a user's primary key; send one beyond 2^53 as a string");
};

export const searchText: Check<string> = (value) => {
  if (typeof value !== 'string' || value.trim() === '' || value.length > 255 || value.includes('\0')) {
    throw new TypeError('must be text of 1 to 255 characters');
  }
  return value.trim();
};

/** ISO 8601 with its offset, or a day, which begins at midnight UTC. */
export const instant: Check<Date> = (value) => {
  const date = new Date(typeof value === 'string' && INSTANT.test(value) ? value : Number.NaN);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < FIRST_YEAR) {
    throw new RangeError('must be a date such as 2026-01-31 or 2026-01-31T12:00:00Z');
  }
  return date;
};
