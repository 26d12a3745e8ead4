import { Injectable } from '@nestjs/common';
import type { SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { SessionTable } from './session-table.js';

const NOT_ENDED = 'token.revokedAt IS NULL';

/**
 * Ready-made queries for an app's own reports, to be refined with `andWhere('token.…')`. The alias is `token`.
 * They run as the app's other reads do, on a replica and from TypeORM's query cache where it has them; the library
 * itself decides nothing by them. What must be true now: `.cache(false)`, and a manager of the primary.
 */
@Injectable()
export class TokenRepository<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(private readonly table: SessionTable<TToken>) {}
  /** All rows of one user, ended ones too. @throws TypeError for what is neither user nor key. */
  forUser(user: unknown): SelectQueryBuilder<TToken> {
    return this.query().where(this.table.ownedBy(this.table.userKey(user)));
  }

  /** Rows whose access token can be used now. */
  active(): SelectQueryBuilder<TToken> {
    return this.query().where(`${NOT_ENDED} AND (token.expiresAt IS NULL OR token.expiresAt > :now)`, {
      now: Date.now(),
    });
  }

  /** Rows whose refresh token can be used now. */
  refreshable(): SelectQueryBuilder<TToken> {
    return this.query().where(`${NOT_ENDED} AND token.refreshUntil > :now`, { now: Date.now() });
  }

  /** Rows whose access token's time is over, whether or not they can still be refreshed. */
  expired(): SelectQueryBuilder<TToken> {
    return this.query().where(`${NOT_ENDED} AND token.expiresAt <= :now`, { now: Date.now() });
  }

  private query(): SelectQueryBuilder<TToken> {
    return this.table.rows.createQueryBuilder('token') as unknown as SelectQueryBuilder<TToken>;
  }
}
