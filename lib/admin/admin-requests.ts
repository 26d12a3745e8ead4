import * as is from '../options/option-checks.js';
import type { DeadlineEdit } from '../sessions/edited-deadlines.js';
import { SESSION_STATES, type SessionState } from '../sessions/state.js';
import type { AuthType } from '../sessions/auth-type.js';
import type { UserId } from '../sessions/entities/abstract-auth-token.js';
import type { JsonObject } from '../sessions/json.js';
import { instant, maybe, searchText, sessionId, userKey } from './input/field-checks.js';

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
const MOST = 200;
const decimal: is.Check<number> = (value) =>
  is.wholeNumber(1, MOST)(typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value);

export const listRequest = is.group<ListRequest>({
  user: maybe(userKey),
  state: maybe(is.oneOf(...SESSION_STATES)),
  createdFrom: maybe(instant),
  createdTo: maybe(instant),
  expiresFrom: maybe(instant),
  expiresTo: maybe(instant),
  after: maybe(sessionId),
  limit: is.optional(LIMIT, decimal),
});

/** `GET users?search=…`: a primary key, or how one of `searchColumns` begins. */
export const usersRequest = is.group<{ search: string }>({ search: searchText });

/** `POST sessions` */
export interface IssueRequest {
  userId: UserId;
  type: AuthType;
  /** These three as `generateHeaderToken` takes them, which checks them. */
  context?: JsonObject;
  accessExpiresIn?: number | string | null;
  refreshExpiresIn?: number | string | null;
}

const passedOn: is.Check<never> = (value) => value as never;

export const issueRequest = is.group<IssueRequest>({
  userId: userKey,
  type: is.oneOf<AuthType>('header', 'cookie'),
  context: passedOn,
  accessExpiresIn: passedOn,
  refreshExpiresIn: passedOn,
});

/** `PATCH sessions/:id` */
export const editRequest: is.Check<DeadlineEdit> = (value) => {
  const edit = is.group<DeadlineEdit>({
    expiresAt: maybe(is.nullable(instant)),
    refreshUntil: maybe(instant),
  })(value);
  if (edit.expiresAt === undefined && edit.refreshUntil === undefined) {
    throw new TypeError('must hold expiresAt, refreshUntil or both');
  }
  return edit;
};

/** `POST sessions/revoke-all` */
export const revokeAllRequest = is.group<{ userId: UserId }>({ userId: userKey });

/** The body of a request that says all in its URL. */
export const emptyRequest: is.Check<object> = (value) => is.group({})(value ?? {});
