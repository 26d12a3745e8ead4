import { type SessionState, sessionStateOf } from '../sessions/state.js';
import type { AuthType } from '../sessions/auth-type.js';
import type { AnyAuthToken, RevokedReason, UserId } from '../sessions/entities/abstract-auth-token.js';
import { keyInJson } from '../sessions/json.js';
import type { ResolvedAdminOptions } from './admin-options.js';

/** A session as the admin shows it: only named fields, so that no digest and no column of the app leaks (R63). */
export interface SessionView {
  id: string;
  userId: UserId;
  /** `null` if the app defines no label, or the user does not exist any more. */
  userLabel: string | null;
  type: AuthType;
  state: SessionState;
  revokedReason: RevokedReason | null;
  createdAt: Date;
  lastRefreshedAt: Date;
  expiresAt: Date | null;
  refreshUntil: Date | null;
  sessionExpiresAt: Date | null;
  revokedAt: Date | null;
  context: object;
}

type Labelling = Pick<ResolvedAdminOptions, 'userLabel' | 'searchColumns'>;

export function viewOf(token: AnyAuthToken, options: Labelling, now: number): SessionView {
  const { id, userId, authType: type, createdAt, lastRefreshedAt, expiresAt, refreshUntil, context } = token;
  const { sessionExpiresAt, revokedAt, revokedReason } = token;
  return {
    id,
    userId: keyInJson(userId),
    userLabel: labelOf(token.user, options),
    type,
    state: sessionStateOf(token, now),
    revokedReason,
    createdAt,
    lastRefreshedAt,
    expiresAt,
    refreshUntil,
    sessionExpiresAt,
    revokedAt,
    context,
  };
}

/** The app's name for a user; `null` where there is no user or no name. */
export function labelOf(user: unknown, { userLabel, searchColumns: [first] }: Labelling): string | null {
  if (typeof user !== 'object' || user === null) return null;
  if (userLabel) return userLabel(user as never);
  return first === undefined ? null : ((user as Record<string, string | null>)[first] ?? null);
}
