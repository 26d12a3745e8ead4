import { BadRequestException } from '@nestjs/common';
import * as is from '../options/option-checks.js';
import type { AuthType } from '../sessions/auth-type.js';
import type { DeadlineEdit } from '../sessions/administration.js';
import type { UserId } from '../sessions/entities/abstract-auth-token.js';
import type { JsonObject } from '../sessions/json.js';
import { SESSION_STATES, type SessionState } from '../sessions/state.js';
import { canonicalUuid } from '../sessions/uuid.js';

/**
 * Reads what a client sent, field by field; an unknown field is refused, so nothing is ever assigned in bulk.
 *
 * @throws BadRequestException that names the wrong field and says what it must be.
 */
export function read<T>(check: is.Check<T>, input: unknown): T {
  try {
    return check(input);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new BadRequestException(`The request ${error.message}`, { cause: error });
    }
    throw error;
  }
}

export const sessionId: is.Check<string> = (value) => {
  const id = canonicalUuid(value);
  if (id === null) throw new TypeError('must be the id of a session');
  return id;
};

/**
 * A primary key in JSON or a URL; the type of the user entity is checked later. A number that is not a safe integer may have
 * been rounded (R73).
 */
const userKey: is.Check<UserId> = (value) => {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (typeof value === 'string' && value.length > 0 && value.length <= 255) return value;
  throw new TypeError("must be a user's primary key; send a key beyond 2^53 as a string");
};

const searchText: is.Check<string> = (value) => {
  if (typeof value !== 'string' || value.trim() === '' || value.length > 255 || value.includes('\0')) {
    throw new TypeError('must be text of 1 to 255 characters');
  }
  return value.trim();
};

const INSTANT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/;
/** Keeps ids and dates that are computed from an instant in range. */
const FIRST_YEAR = 1970;

/** An ISO 8601 date with time and offset, or a day, which begins at midnight UTC. */
const instant: is.Check<Date> = (value) => {
  const date = new Date(typeof value === 'string' && INSTANT.test(value) ? value : Number.NaN);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < FIRST_YEAR) {
    throw new RangeError('must be a date such as 2026-01-31 or 2026-01-31T12:00:00Z');
  }
  return date;
};

const maybe =
  <T>(check: is.Check<T>): is.Check<T | undefined> =>
  (value) =>
    value === undefined ? undefined : check(value);

/** `GET sessions?…` */
export interface ListRequest {
  /** A user's primary key. */
  user?: UserId;
  state?: SessionState;
  createdFrom?: Date;
  createdTo?: Date;
  expiresFrom?: Date;
  expiresTo?: Date;
  after?: string;
  limit: number;
}

const LIMIT = 50;
const MAX_LIMIT = 200;
const limit: is.Check<number> = (value) =>
  is.wholeNumber(1, MAX_LIMIT)(typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value);

export const listRequest = is.group<ListRequest>({
  user: maybe(userKey),
  state: maybe(is.oneOf(...SESSION_STATES)),
  createdFrom: maybe(instant),
  createdTo: maybe(instant),
  expiresFrom: maybe(instant),
  expiresTo: maybe(instant),
  after: maybe(sessionId),
  limit: is.optional(LIMIT, limit),
});

/** `GET users?search=…`: a primary key, or the beginning of one of `searchColumns`. */
export const usersRequest = is.group<{ search: string }>({ search: searchText });

/** `POST sessions`; context and lifetimes as `generateHeaderToken` takes them, which checks them. */
export interface IssueRequest {
  userId: UserId;
  type: AuthType;
  context?: JsonObject;
  accessExpiresIn?: number | string | null;
  refreshExpiresIn?: number | string | null;
}

const unchecked: is.Check<never> = (value) => value as never;

export const issueRequest = is.group<IssueRequest>({
  userId: userKey,
  type: is.oneOf<AuthType>('header', 'cookie'),
  context: unchecked,
  accessExpiresIn: unchecked,
  refreshExpiresIn: unchecked,
});

/** `PATCH sessions/:id` */
export const editRequest: is.Check<DeadlineEdit> = (value) => {
  const edit = is.group<DeadlineEdit>({
    expiresAt: maybe(is.nullable(instant)),
    refreshUntil: maybe(instant),
  })(value);
  if (edit.expiresAt === undefined && edit.refreshUntil === undefined) {
    throw new TypeError('must contain expiresAt, refreshUntil or both');
  }
  return edit;
};

/** `POST sessions/revoke-all` */
export const revokeAllRequest = is.group<{ userId: UserId }>({ userId: userKey });

/** The body of a request that says everything in its URL. */
export const emptyRequest: is.Check<object> = (value) => is.group({})(value ?? {});
