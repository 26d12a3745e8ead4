import { Injectable } from '@nestjs/common';
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
      rows
        .setFindOptions({ relations: { user: true } })
        .addSelect(DIGEST_COLUMNS.map((name) => `token.${name}`))
        .andWhere(`token.${column} IN (:...digests)`, { digests })
        .getMany(),
    );
    // A database's collation may be generous; bytes decide (R4).
    const row = found.find((candidate) => digests.includes(candidate[column] ?? ''));
    return row ? this.table.detach(row) : null;
  }
}
