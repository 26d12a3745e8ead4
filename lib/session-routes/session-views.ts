import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { JsonObject } from '../sessions/json.js';

/** What `POST refresh` reads. */
export class RefreshBody {
  /** Absent where the refresh token comes in its cookie. */
  refreshToken?: string;
}

/** What `POST refresh` answers. */
export class RefreshAnswer {
  /** The tokens; absent where they are in cookies (R58). */
  accessToken?: string;
  refreshToken?: string | null;
  /** When the access token dies; `null` = never. */
  expiresAt!: string | null;
  /** Until when the refresh token is good. */
  refreshUntil!: string | null;
}

/** One of a user's sessions, as `GET sessions` lists it. */
export class SessionView {
  /** Public: safe to show and to log. */
  id!: string;
  /** What the app remembers about the device. */
  context!: JsonObject;
  createdAt!: Date;
  lastRefreshedAt!: Date;
  expiresAt!: Date | null;
  refreshUntil!: Date | null;
  /** Whether it is the session that asks. */
  current!: boolean;
}

export function sessionView(token: AbstractAuthToken, current: boolean): SessionView {
  const { id, context, createdAt, lastRefreshedAt, expiresAt, refreshUntil } = token;
  return { id, context, createdAt, lastRefreshedAt, expiresAt, refreshUntil, current };
}
