import { type AbstractAuthToken, isPast } from '../sessions/entities/abstract-auth-token.js';
import { LIVE, OVER } from '../store/last-deadline.js';

/** `live`: access or refresh can still be used. `expired`: neither. `ended`: revoked, and kept for the record. */
export const SESSION_STATES = ['live', 'expired', 'ended'] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** Rows in a state at `:now`, for a query whose alias is `token`. */
export const CONDITIONS: Record<SessionState, string> = {
  live: LIVE,
  expired: OVER,
  ended: 'token.revokedAt IS NOT NULL',
};

export function stateOf({ revokedAt, pruneAt, refreshUntil, expiresAt }: AbstractAuthToken, now: number): SessionState {
  if (revokedAt !== null) return 'ended';
  return isPast(pruneAt, now) || (pruneAt && isPast(refreshUntil ?? expiresAt, now)) ? 'expired' : 'live';
}
