import { Inject, Injectable } from '@nestjs/common';
import type { SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';
import type { SessionState } from '../sessions/state.js';
import { REFRESHABLE, STATE_CONDITIONS } from './session-conditions.js';
import { SessionTable } from './session-table.js';

/**
 * Queries for your own reports; extend them with `andWhere('token.…')`. The alias is `token`. They run like the other reads
 * of your app, possibly on a replica or from TypeORM's query cache; the library does not use them. For current data, use
 * `.cache(false)` and the primary.
 */
@Injectable()
export class TokenRepository<TToken extends AnyAuthToken = AbstractAuthToken> {
  @Inject() private readonly table: SessionTable<TToken>;

  /** All sessions of one user, including ended ones. @throws TypeError for anything but a user or a key. */
  forUser(user: TToken['user'] | UserId): SelectQueryBuilder<TToken> {
    return this.query().where(this.table.ownedBy(this.table.userKey(user)));
  }

  /** Sessions with a working access token. */
  active(): SelectQueryBuilder<TToken> {
    return this.inState('active');
  }

  /** Sessions with only a working refresh token. */
  idle(): SelectQueryBuilder<TToken> {
    return this.inState('idle');
  }

  /** Sessions whose tokens have expired, until they are pruned. */
  expired(): SelectQueryBuilder<TToken> {
    return this.inState('expired');
  }

  /** Sessions that have ended, if `keepExpiredTokens` keeps their rows; `revokedReason` has the reason. */
  ended(): SelectQueryBuilder<TToken> {
    return this.inState('ended');
  }

  /** Sessions with a working refresh token, active or idle. */
  refreshable(): SelectQueryBuilder<TToken> {
    return this.query().where(REFRESHABLE, { now: Date.now() });
  }

  private inState(state: SessionState): SelectQueryBuilder<TToken> {
    return this.query().where(STATE_CONDITIONS[state], { now: Date.now() });
  }

  private query(): SelectQueryBuilder<TToken> {
    return this.table.rows.createQueryBuilder('token') as unknown as SelectQueryBuilder<TToken>;
  }
}
