import { type AbstractAuthToken, isPast } from '../tokens/entities/abstract-auth-token.js';

/** `live`: access or refresh can still be used. `expired`: neither. `ended`: revoked, and kept for the record. */
export const SESSION_STATES = ['live', 'expired', 'ended'] as const;
export type SessionState = (typeof SESSION_STATES)[number];

/** Rows in a state at `:now`, for a query whose alias is `token`. */
export const CONDITIONS: Record<SessionState, string> = {
  live: 'token.revokedAt IS NULL AND (token.pruneAt IS NULL OR token.pruneAt > :now)',
  expired: 'token.revokedAt IS NULL AND token.pruneAt <= :now',
  ended: 'token.revokedAt IS NOT NULL',
};

export function stateOf({ revokedAt, pruneAt }: AbstractAuthToken, now: number): SessionState {
  if (revokedAt !== null) return 'ended';
  return isPast(pruneAt, now) ? 'expired' : 'live';
}
