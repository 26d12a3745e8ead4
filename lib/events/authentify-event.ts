import type { AuthType } from '../sessions/auth-type.js';
import type { RevokedReason, UserId } from '../sessions/entities/abstract-auth-token.js';

/** Why a credential was refused. Events and the debug log have the reason; clients never learn it. */
export type RejectionReason =
  /** Not a token of this app: wrong length, alphabet, prefix, kind or checksum; or not exactly one well-formed credential. */
  | 'malformed'
  /** Well-formed, but without a row: never issued, rotated, or ended and deleted. */
  | 'unknown'
  | 'revoked'
  | 'expired'
  /** Past the absolute end of the session. */
  | 'session-expired'
  /** A header token in a cookie, or a cookie token in the header. */
  | 'wrong-transport'
  | 'user-missing'
  | 'user-inactive'
  /** The context in the row is not a JSON object, so nobody can tell what the session may do. */
  | 'context-unreadable'
  /** A refresh that lost a race and can no longer derive the new pair; nothing was ended. */
  | 'overtaken'
  /** A refresh token of an earlier generation. */
  | 'reuse'
  /** An unsafe request from another site. */
  | 'cross-site';

/** The members that every event may have. */
export interface EventOrigin {
  /**
   * `true` if the call was given `{ manager }`: the event is emitted when the call returns, before your transaction commits,
   * and a rollback undoes the change. Absent otherwise, and on `reuse-detected`, which no rollback undoes.
   */
  readonly inTransaction?: true;
}

/** The members of every event about one session. */
export interface SessionEvent extends EventOrigin {
  /** The time, by the clock of this process. */
  readonly at: Date;
  readonly sessionId: string;
  readonly userId: UserId;
  readonly authType: AuthType;
}

/** The administrator who did it (R76); absent if a user or the code of the app did it. */
export interface AdminAttribution {
  /** The name from the option `actor` of the admin; absent if the guards of the app name no one. */
  readonly by?: string;
  /** The part of the library that was used. */
  readonly via?: 'admin';
}

/** The deadlines of a session. */
export interface SessionDeadlines {
  /** `null` = the access token never expires. */
  readonly expiresAt: Date | null;
  /** `null` = there is no refresh token. */
  readonly refreshUntil: Date | null;
  /** `null` = there is no absolute end. */
  readonly sessionExpiresAt: Date | null;
}

/** A login; with `via`, a session that an administrator opened for the user. */
export interface IssuedEvent extends SessionEvent, AdminAttribution {
  readonly type: 'issued';
  /** Whether a simultaneous login of the same user already ended it (single login, session limit). */
  readonly alreadyEnded: boolean;
}

/** An access token was verified, a pair was rotated, a session was extended, or a lost answer was repeated. */
export interface SessionProgressEvent extends SessionEvent {
  readonly type: 'authenticated' | 'refreshed' | 'slid' | 'replayed';
}

/** A refresh token of an earlier generation was used again, and the session was ended. */
export interface ReuseDetectedEvent extends SessionEvent {
  readonly type: 'reuse-detected';
}

/** A credential was refused; the session is named if there is one. */
export interface RejectedEvent extends Partial<Omit<SessionEvent, 'at'>> {
  readonly type: 'rejected';
  readonly at: Date;
  readonly reason: RejectionReason;
}

/** Sessions were ended: the one with `sessionId`, or `count` sessions of a user. */
export interface RevokedEvent extends EventOrigin, AdminAttribution {
  readonly type: 'revoked';
  readonly at: Date;
  readonly reason: RevokedReason;
  /** The number of ended sessions. */
  readonly count: number;
  readonly sessionId?: string;
  readonly userId?: UserId;
}

/** An administrator changed the deadlines of a session. */
export interface EditedEvent extends SessionEvent, AdminAttribution {
  readonly type: 'edited';
  readonly from: SessionDeadlines;
  readonly to: SessionDeadlines;
}

/** An administrator deleted the row of a session. If the session had not ended, a `revoked` event comes first. */
export interface DeletedEvent extends SessionEvent, AdminAttribution {
  readonly type: 'deleted';
}

/** Expired sessions were pruned. */
export interface PrunedEvent extends EventOrigin {
  readonly type: 'pruned';
  readonly at: Date;
  readonly count: number;
}

/** An event about sessions; `type` tells them apart (R64). */
export type AuthentifyEvent =
  | IssuedEvent
  | SessionProgressEvent
  | ReuseDetectedEvent
  | RejectedEvent
  | RevokedEvent
  | EditedEvent
  | DeletedEvent
  | PrunedEvent;
