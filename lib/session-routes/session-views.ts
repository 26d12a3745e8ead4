import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { JsonObject } from '../sessions/json.js';

/** The body of `POST refresh`. */
export class RefreshBody {
  /** Absent if the refresh token is in its cookie. */
  refreshToken?: string;
}

/** The answer of `POST refresh`. */
export class RefreshAnswer {
  /** The tokens; absent if they are in cookies (R58). */
  accessToken?: string;
  refreshToken?: string | null;
  /** When the access token expires; `null` = never. */
  expiresAt!: string | null;
  /** When the refresh token expires; `null` = there is none. */
  refreshUntil!: string | null;
}

/** An element of the list of sessions. */
export class SessionView {
  /** The public id; safe to show and to log. */
  id!: string;
  /** The context that the app gave at login. */
  context!: JsonObject;
  createdAt!: Date;
  lastRefreshedAt!: Date;
  expiresAt!: Date | null;
  refreshUntil!: Date | null;
  /** Whether this is the session of the request. */
  current!: boolean;
}

export function sessionView(token: AbstractAuthToken, current: boolean): SessionView {
  const { id, context, createdAt, lastRefreshedAt, expiresAt, refreshUntil } = token;
  return { id, context, createdAt, lastRefreshedAt, expiresAt, refreshUntil, current };
}
