import { Inject, Injectable } from '@nestjs/common';
import type { SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';
import type { SessionState } from '../sessions/state.js';
import { REFRESHABLE, STATE_CONDITIONS } from './session-conditions.js';
import { SessionTable } from './session-table.js';

/**
 * Ready-made queries for an app's own reports, to be refined with `andWhere('token.…')`. The alias is `token`.
 * They run as the app's other reads do, on a replica and from TypeORM's query cache where it has them; the library
 * itself decides nothing by them. What must be true now: `.cache(false)`, and a manager of the primary.
 */
@Injectable()
export class TokenRepository<TToken extends AnyAuthToken = AbstractAuthToken> {
  @Inject() private readonly table: SessionTable<TToken>;

  /** All rows of one user, ended ones too. @throws TypeError for what is neither user nor key. */
  forUser(user: TToken['user'] | UserId): SelectQueryBuilder<TToken> {
    return this.query().where(this.table.ownedBy(this.table.userKey(user)));
  }

  /** Sessions whose access token works. */
  active(): SelectQueryBuilder<TToken> {
    return this.inState('active');
  }

  /** Sessions of which only the refresh token works. */
  idle(): SelectQueryBuilder<TToken> {
    return this.inState('idle');
  }

  /** Sessions that time has ended, until they are pruned. */
  expired(): SelectQueryBuilder<TToken> {
    return this.inState('expired');
  }

  /** Sessions that were ended, of which `keepExpiredTokens` keeps the rows; `revokedReason` says why. */
  ended(): SelectQueryBuilder<TToken> {
    return this.inState('ended');
  }

  /** Sessions whose refresh token works, active or idle. */
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
