import { type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';

/** The states of a session, each with one name in code, administration, command line and documentation. */
export const SESSION_STATES = ['active', 'idle', 'expired', 'ended'] as const;

/**
 * `active`: the access token works. `idle`: only the refresh token does. `expired`: time has run out for both. `ended`:
 * revoked, for the reason in `revokedReason`.
 */
export type SessionState = (typeof SESSION_STATES)[number];

/** The state of one session at `now`, in epoch milliseconds; a user who is locked out changes none. */
export function sessionStateOf(session: AnyAuthToken, now: number): SessionState {
  if (session.revokedAt !== null) return 'ended';
  if (isPast(session.sessionExpiresAt, now)) return 'expired';
  if (!isPast(session.expiresAt, now)) return 'active';
  return session.refreshUntil === null || isPast(session.refreshUntil, now) ? 'expired' : 'idle';
}
