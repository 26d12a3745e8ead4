import type { AuthType } from '../sessions/auth-type.js';
import type { RevokedReason, UserId } from '../sessions/entities/abstract-auth-token.js';

/** Why a credential was turned down. Clients are never told which; logs and events are. */
export type RejectionReason =
  /** No token of ours: wrong length, alphabet, prefix, kind or checksum, or no single well-formed credential. */
  | 'malformed'
  /** Well-formed, but no row: never issued, rotated away, or ended and deleted. */
  | 'unknown'
  | 'revoked'
  | 'expired'
  /** Past the absolute end of the session. */
  | 'session-expired'
  /** A header token in a cookie or the reverse. */
  | 'wrong-transport'
  | 'user-missing'
  | 'user-inactive'
  /** The row holds no JSON object as the context, so nobody can tell what the session may do. */
  | 'context-unreadable'
  /** A refresh that lost a race and whose successor it can no longer derive; nothing was ended. */
  | 'overtaken'
  /** A refresh token of an earlier generation. */
  | 'reuse'
  /** An unsafe request from a foreign site. */
  | 'cross-site';

/** What every event tells. */
export interface EventOrigin {
  /**
   * `true` where the call was given `{ manager }`: the event is told when the call returns, before your transaction
   * commits, and a rollback undoes what it tells. Absent elsewhere, and on `reuse-detected`, which stands.
   */
  readonly inTransaction?: true;
}

/** What every event about one session tells. */
export interface SessionEvent extends EventOrigin {
  /** When, by this process's clock. */
  readonly at: Date;
  readonly sessionId: string;
  readonly userId: UserId;
  readonly authType: AuthType;
}

/** Whose act it was where an administrator did it (R76); neither is there where a user or the app's own code did. */
export interface Attribution {
  /** Who, as the option `actor` of the admin names them; absent where the app's guards name nobody. */
  readonly by?: string;
  /** By which door. */
  readonly via?: 'admin';
}

/** When a session ends, as far as its columns say. */
export interface SessionDeadlines {
  /** `null` = the access token never expires. */
  readonly expiresAt: Date | null;
  /** `null` = there is no refresh token. */
  readonly refreshUntil: Date | null;
  /** `null` = there is no absolute end. */
  readonly sessionExpiresAt: Date | null;
}

/** A login, or with `via` a session that somebody else opened for the user. `alreadyEnded`: a simultaneous login of the same user outlived it (single login, session limit). */
export interface IssuedEvent extends SessionEvent, Attribution {
  readonly type: 'issued';
  readonly alreadyEnded: boolean;
}

/** An access token was verified, a pair rotated, a session extended, or a lost answer repeated. */
export interface ProgressEvent extends SessionEvent {
  readonly type: 'authenticated' | 'refreshed' | 'slid' | 'replayed';
}

/** A refresh token of an earlier generation came back, and the session was ended for it. */
export interface ReuseDetectedEvent extends SessionEvent {
  readonly type: 'reuse-detected';
}

/** A credential was turned down; the session is named where there is one. */
export interface RejectedEvent extends Partial<Omit<SessionEvent, 'at'>> {
  readonly type: 'rejected';
  readonly at: Date;
  readonly reason: RejectionReason;
}

/** Sessions were ended: the one named, or `count` of a user's. */
export interface RevokedEvent extends EventOrigin, Attribution {
  readonly type: 'revoked';
  readonly at: Date;
  readonly reason: RevokedReason;
  /** How many rows were ended. */
  readonly count: number;
  readonly sessionId?: string;
  readonly userId?: UserId;
}

/** The deadlines of a session were set by hand. */
export interface EditedEvent extends SessionEvent, Attribution {
  readonly type: 'edited';
  readonly from: SessionDeadlines;
  readonly to: SessionDeadlines;
}

/** The row of a session was deleted by hand; a live one was ended with it, which a `revoked` tells. */
export interface DeletedEvent extends SessionEvent, Attribution {
  readonly type: 'deleted';
}

/** Expired sessions were pruned. */
export interface PrunedEvent extends EventOrigin {
  readonly type: 'pruned';
  readonly at: Date;
  readonly count: number;
}

/** Everything that happens to sessions, told apart by `type` (R64). */
export type AuthentifyEvent =
  | IssuedEvent
  | ProgressEvent
  | ReuseDetectedEvent
  | RejectedEvent
  | RevokedEvent
  | EditedEvent
  | DeletedEvent
  | PrunedEvent;
