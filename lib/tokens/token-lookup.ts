import { Injectable } from '@nestjs/common';
import type { EntityMetadata, SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { type StoredDigests, type StoredToken, TokenTable } from './token-table.js';

const DIGEST_COLUMNS = [
  'accessTokenHash',
  'refreshTokenHash',
  'refreshFamilyHash',
  'previousRefreshTokenHash',
  'rotationSalt',
] as const satisfies readonly (keyof StoredDigests)[];

/** The read path: one row with its user, by digest, in one statement, from the primary (R22, R48). */
@Injectable()
export class TokenLookup<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(private readonly table: TokenTable<TToken>) {}

  /** @param digests of one access token, one per key. */
  byAccessToken(digests: readonly string[]): Promise<StoredToken<TToken> | null> {
    return this.find('accessTokenHash', digests);
  }

  /** @param digests of one family part, one per key. */
  byFamily(digests: readonly string[]): Promise<StoredToken<TToken> | null> {
    return this.find('refreshFamilyHash', digests);
  }

  private async find(
    column: 'accessTokenHash' | 'refreshFamilyHash',
    digests: readonly string[],
  ): Promise<StoredToken<TToken> | null> {
    const found = await this.table.read((rows) =>
      this.withRelations(rows)
        .addSelect(DIGEST_COLUMNS.map((name) => `token.${name}`))
        .where(`token.${column} IN (:...digests)`, { digests })
        .getMany(),
    );
    // A database's collation may be generous; bytes decide (R4).
    const row = found.find((candidate) => digests.includes(candidate[column] ?? ''));
    return row ? this.table.detach(row) : null;
  }

  /** Joined from the left, so that the row of a soft-deleted user is found, without a user. */
  private withRelations(rows: SelectQueryBuilder<AbstractAuthToken>): typeof rows {
    const { metadata } = this.table.rows;
    const user = metadata.findRelationWithPropertyPath('user');
    rows.leftJoinAndSelect('token.user', 'user');
    joinEager(rows, 'token', metadata);
    if (user) joinEager(rows, 'user', user.inverseEntityMetadata);
    return rows;
  }
}

/** What an entity declares `eager` comes along, as with TypeORM's own `find`. */
function joinEager(rows: SelectQueryBuilder<AbstractAuthToken>, alias: string, metadata: EntityMetadata): void {
  for (const relation of metadata.eagerRelations) {
    if (alias === 'token' && relation.propertyPath === 'user') continue;
    const joined = `${alias}_${relation.propertyName}`;
    rows.leftJoinAndSelect(`${alias}.${relation.propertyPath}`, joined);
    joinEager(rows, joined, relation.inverseEntityMetadata);
  }
}
