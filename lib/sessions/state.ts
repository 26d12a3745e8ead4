import { type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';

/**
 * What can still be done with a session: its access token works, only its refresh token does, time has ended it, or
 * somebody or something has (`revokedReason`).
 */
export type SessionState = 'valid' | 'refreshable' | 'expired' | 'revoked';

export const SESSION_STATES = ['valid', 'refreshable', 'expired', 'revoked'] as const satisfies SessionState[];

const UNREVOKED = 'token.revokedAt IS NULL';
const BEFORE_END = `${UNREVOKED} AND (token.sessionExpiresAt IS NULL OR token.sessionExpiresAt > :now)`;

/** {@link sessionStateOf} in SQL; `:now` is epoch milliseconds. */
export const STATE_CONDITIONS: Record<SessionState, string> = {
  valid: `${BEFORE_END} AND (token.expiresAt IS NULL OR token.expiresAt > :now)`,
  refreshable: `${BEFORE_END} AND token.expiresAt <= :now AND token.refreshUntil > :now`,
  expired:
    `${UNREVOKED} AND (token.sessionExpiresAt <= :now OR ` +
    '(token.expiresAt <= :now AND (token.refreshUntil IS NULL OR token.refreshUntil <= :now)))',
  revoked: 'token.revokedAt IS NOT NULL',
};

/** The state of one session; whether its user is active is not its own to tell. */
export function sessionStateOf(token: AnyAuthToken, now: number): SessionState {
  if (token.revokedAt !== null) return 'revoked';
  if (isPast(token.sessionExpiresAt, now)) return 'expired';
  if (!isPast(token.expiresAt, now)) return 'valid';
  return token.refreshUntil === null || isPast(token.refreshUntil, now) ? 'expired' : 'refreshable';
}
