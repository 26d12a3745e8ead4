import { Injectable } from '@nestjs/common';
import type { AdminAttribution } from '../events/authentify-event.js';
import type { AuthType } from './auth-type.js';
import { type AbstractAuthToken, type AnyAuthToken, isPast, type UserId } from './entities/abstract-auth-token.js';
import type { IssuedTokens } from './issued-tokens.js';
import type { Deadlines } from './lifetimes.js';
import { type IssueTokenOptions, Login } from './login.js';
import { SessionStore } from './session-store.js';

/** The acts of an administrator on sessions of others. Their events tell whose act it was (R76). */
@Injectable()
export class Administration<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    private readonly store: SessionStore<TToken>,
    private readonly login: Login<TToken>,
  ) {}

  /** Opens a session for a user. @throws as `TokenService.generateHeaderToken` does. */
  issue(
    { authType, user }: { authType: AuthType; user: UserId },
    options: IssueTokenOptions<object>,
    attribution: AdminAttribution,
  ): Promise<IssuedTokens<TToken>> {
    return this.login.open(authType, user, options, this.store.attributedTo(attribution));
  }

  /** Ends one session. Returns 1, or 0 where it had ended already. */
  revoke({ id, userId }: TToken, attribution: AdminAttribution): Promise<number> {
    return this.store.attributedTo(attribution).end([id], { reason: 'revoked', now: Date.now(), userId });
  }

  /** Ends all sessions of a user. @throws TypeError for anything but a user's key. */
  async revokeAllOf(user: UserId, attribution: AdminAttribution): Promise<number> {
    return this.store.attributedTo(attribution).endAllOf(user, Date.now());
  }

  /**
   * Sets a session's dates, if it still is as it was read: neither slid, rotated nor ended since.
   *
   * @returns whether it was, and moves the entity's dates along.
   * @throws RangeError for dates that cannot be.
   */
  async setDeadlines(session: TToken, edit: DeadlineEdit, attribution: AdminAttribution): Promise<boolean> {
    return this.store.attributedTo(attribution).edit(session, editedDeadlines(session, edit, Date.now()));
  }

  /**
   * Deletes a session's row, ended or not; with `keepExpiredTokens` only one that has been kept for long enough, so that
   * no record is lost before its time.
   *
   * @returns whether there was such a row.
   */
  delete(session: TToken, attribution: AdminAttribution): Promise<boolean> {
    return this.store.attributedTo(attribution).delete(session, Date.now());
  }
}

/** Dates set by hand; what is left out stays as it is. `expiresAt: null` = never. */
export interface DeadlineEdit {
  expiresAt?: Date | null;
  refreshUntil?: Date;
}

/** What an edit writes. */
export type EditedDeadlines = Deadlines & { sessionExpiresAt: Date | null };

/**
 * The columns of a session whose dates were set by hand, so that they hold through later slides and rotations:
 * shortened, the session ends there for good (`sessionExpiresAt`); extended, its own lifetimes count from later on
 * (`lastRefreshedAt`) instead of growing.
 *
 * @throws RangeError for dates that are over, contradict each other, or pass the session's absolute end (R25).
 */
export function editedDeadlines(session: AnyAuthToken, edit: DeadlineEdit, now: number): EditedDeadlines {
  const expiresAt = edit.expiresAt === undefined ? session.expiresAt : edit.expiresAt;
  const refreshUntil = edit.refreshUntil ?? session.refreshUntil;
  checkAhead('expiresAt', edit.expiresAt, now);
  checkAhead('refreshUntil', edit.refreshUntil, now);
  checkOrder(session, expiresAt, refreshUntil);
  checkEnd(session, edit);
  return {
    expiresAt,
    refreshUntil,
    lastRefreshedAt: new Date(session.lastRefreshedAt.getTime() + gained(session.expiresAt, expiresAt)),
    sessionExpiresAt: endOf(session, expiresAt, refreshUntil),
  };
}

function checkAhead(name: string, date: Date | null | undefined, now: number): void {
  if (isPast(date, now)) throw new RangeError(`${name} must lie ahead; revoke the session to end it now`);
}

function checkOrder(session: AnyAuthToken, expiresAt: Date | null, refreshUntil: Date | null): void {
  if (refreshUntil === null) return;
  if (session.refreshUntil === null)
    throw new RangeError('refreshUntil cannot be set: the session has no refresh token');
  if (expiresAt === null || refreshUntil < expiresAt) {
    throw new RangeError('refreshUntil must not be earlier than expiresAt; set both');
  }
}

function checkEnd({ sessionExpiresAt }: AnyAuthToken, { expiresAt, refreshUntil }: DeadlineEdit): void {
  if (sessionExpiresAt === null) return;
  const passesEnd = (date: Date | undefined): boolean => date !== undefined && date > sessionExpiresAt;
  if (expiresAt === null || passesEnd(expiresAt) || passesEnd(refreshUntil)) {
    throw new RangeError(
      `expiresAt and refreshUntil must not pass the session's absolute end, ${sessionExpiresAt.toISOString()}`,
    );
  }
}

/** How much later an expiry became. */
function gained(before: Date | null, after: Date | null): number {
  return before === null || after === null ? 0 : Math.max(0, after.getTime() - before.getTime());
}

/** A session cut short ends there; so does one whose refresh token, living no longer than access, has nothing to give. */
function endOf(session: AnyAuthToken, expiresAt: Date | null, refreshUntil: Date | null): Date | null {
  const last = refreshUntil ?? expiresAt;
  if (last === null) return session.sessionExpiresAt;
  const before = session.refreshUntil ?? session.expiresAt;
  const isShorter = before === null || last < before;
  return isShorter || refreshUntil?.getTime() === expiresAt?.getTime() ? last : session.sessionExpiresAt;
}
