import { Inject, Injectable } from '@nestjs/common';
import { IsNull, LessThanOrEqual, Not } from 'typeorm';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { Attribution, SessionDeadlines } from '../events/authentify-event.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import type { AbstractAuthToken, AnyAuthToken, RevokedReason, UserId } from './entities/abstract-auth-token.js';
import { stored } from './entities/instant.transformer.js';
import type { IssuedTokens } from './issued-tokens.js';
import { pruneAtOf } from './lifetimes.js';
import { type IssueTokenOptions, TokenIssuer } from './login.js';
import { TokenRepository } from '../store/token.repository.js';
import { TokenTable } from '../store/session-table.js';
import { AttributedEvents } from './attributed-events.js';
import { type DeadlineEdit, editedDeadlines } from './edited-deadlines.js';

/** What an administrator does to sessions of others. Whatever came of it is told with whose act it was (R76). */
@Injectable()
export class TokenAdministration<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly table: TokenTable<TToken>,
    private readonly tokens: TokenRepository<TToken>,
    private readonly issuer: TokenIssuer<TToken>,
    private readonly events: AuthentifyEvents,
  ) {}

  /** Opens a session for a user. @throws as `TokenService.generateHeaderToken` does. */
  issue(
    { authType, user }: { authType: AuthType; user: UserId },
    options: IssueTokenOptions<object>,
    attribution: Attribution,
  ): Promise<IssuedTokens<TToken>> {
    const { table, tokens } = this;
    const events = new AttributedEvents(this.events, attribution);
    return this.issuer.within({ table, tokens, events }).issue(authType, user, options);
  }

  /** Ends one session. Returns 1, or 0 where it had ended already. */
  async revoke({ id, userId }: TToken, attribution: Attribution): Promise<number> {
    const count = await this.tokens.end([id], 'revoked', Date.now());
    this.tellRevoked(count, { reason: 'revoked', userId, sessionId: id, ...attribution });
    return count;
  }

  /** Ends all sessions of a user. @throws TypeError for what is no key of a user. */
  async revokeAllOf(user: UserId, attribution: Attribution): Promise<number> {
    const userId = this.table.ownerKey(user);
    const count = await this.tokens.endAllOf(userId, Date.now());
    if (count === 0) return 0;
    this.tellRevoked(count, { reason: 'revoked-all', userId: await this.table.spelledKey(user), ...attribution });
    return count;
  }

  /**
   * Sets a session's dates, if it still is as it was read: neither slid, rotated nor ended since.
   *
   * @returns whether it was, and moves the entity's dates along.
   * @throws RangeError for dates that cannot be.
   */
  async setDeadlines(token: TToken, edit: DeadlineEdit, attribution: Attribution): Promise<boolean> {
    const columns = editedDeadlines(token, edit, Date.now());
    const from = deadlinesOf(token);
    const asRead = {
      id: token.id,
      revokedAt: IsNull(),
      lastRefreshedAt: token.lastRefreshedAt,
      expiresAt: from.expiresAt ?? IsNull(),
      refreshUntil: from.refreshUntil ?? IsNull(),
      sessionExpiresAt: from.sessionExpiresAt ?? IsNull(),
    };
    if ((await this.table.update(asRead, { ...columns, pruneAt: pruneAtOf(columns) })) !== 1) return false;
    Object.assign(token, columns);
    this.events.emit({ type: 'edited', ...sessionOf(token), from, to: deadlinesOf(token), ...attribution });
    return true;
  }

  /**
   * Deletes a session's row, ended or not; with `keepExpiredTokens` only what has been kept for long enough, so that
   * no record is lost before its time.
   *
   * @returns whether there was such a row.
   */
  async delete(token: TToken, attribution: Attribution): Promise<boolean> {
    const keptLongEnough = { revokedAt: Not(IsNull()), pruneAt: LessThanOrEqual(stored(Date.now())) };
    const deletable = this.options.keepExpiredTokens === false ? {} : keptLongEnough;
    if ((await this.table.delete({ id: token.id, ...deletable })) !== 1) return false;
    const session = sessionOf(token);
    // Where ended rows are not kept, one that was read before its end and is still there has not ended.
    if (token.revokedAt === null) {
      const { sessionId, userId } = session;
      this.tellRevoked(1, { reason: 'revoked', userId, sessionId, ...attribution });
    }
    this.events.emit({ type: 'deleted', ...session, ...attribution });
    return true;
  }

  private tellRevoked(
    count: number,
    told: { reason: RevokedReason; userId: UserId; sessionId?: string } & Attribution,
  ): void {
    if (count > 0) this.events.emit({ type: 'revoked', count, ...told });
  }
}

function sessionOf({ id: sessionId, userId, authType }: AnyAuthToken) {
  return { sessionId, userId, authType };
}

function deadlinesOf({ expiresAt, refreshUntil, sessionExpiresAt }: AnyAuthToken): SessionDeadlines {
  return Object.freeze({ expiresAt, refreshUntil, sessionExpiresAt });
}
