import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { StoredDigests } from './session-table.js';

/** A session as it is inserted. */
export type NewSession = StoredDigests &
  Pick<
    AbstractAuthToken,
    | 'id'
    | 'authType'
    | 'context'
    | 'createdAt'
    | 'lastRefreshedAt'
    | 'expiresAt'
    | 'refreshUntil'
    | 'sessionExpiresAt'
    | 'rotatedAt'
    | 'revokedAt'
    | 'revokedReason'
    | 'pruneAt'
  >;

/** A refresh token to exchange: whose it is, its digest, and when the call started. */
export interface PresentedToken {
  id: string;
  digest: string;
  now: number;
}

/** What a rotation writes, beside its own time. */
export type RotatedColumns = StoredDigests &
  Pick<AbstractAuthToken, 'lastRefreshedAt' | 'expiresAt' | 'refreshUntil' | 'pruneAt'>;

/** What a slide writes. */
export type SlidColumns = Pick<AbstractAuthToken, 'lastRefreshedAt' | 'expiresAt' | 'refreshUntil' | 'pruneAt'> & {
  rotationSalt?: null;
};

/** A part of a list: how many, and older than which session, by its id in canonical spelling. */
export interface Page {
  limit?: number | undefined;
  before?: string | undefined;
}
