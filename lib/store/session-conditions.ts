import type { SessionState } from '../sessions/state.js';

const NOT_ENDED = 'token.revokedAt IS NULL';
const BEFORE_END = `${NOT_ENDED} AND (token.sessionExpiresAt IS NULL OR token.sessionExpiresAt > :now)`;

/** `sessionStateOf` as conditions of queries whose alias is `token`; `:now` is epoch milliseconds. */
export const STATE_CONDITIONS: Record<SessionState, string> = {
  active: `${BEFORE_END} AND (token.expiresAt IS NULL OR token.expiresAt > :now)`,
  idle: `${BEFORE_END} AND token.expiresAt <= :now AND token.refreshUntil > :now`,
  expired:
    `${NOT_ENDED} AND (token.sessionExpiresAt <= :now OR ` +
    '(token.expiresAt <= :now AND (token.refreshUntil IS NULL OR token.refreshUntil <= :now)))',
  ended: 'token.revokedAt IS NOT NULL',
};
