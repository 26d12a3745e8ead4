import type { EntityMetadata, SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { joinUser } from '../users.js';
import type { StoredSession } from '../../sessions/session-store.js';
import { DIGEST_COLUMNS, type SessionTable } from '../session-table.js';

/** Looks sessions up through TypeORM: by id, and by digest, one statement each, for entities that cannot be compiled. */
export class OrmLookup<TToken extends AnyAuthToken> {
  constructor(private readonly table: SessionTable<TToken>) {}

  async byAccessToken(digests: readonly string[]): Promise<TToken | null> {
    return (await this.find('accessTokenHash', digests))?.session ?? null;
  }

  byFamily(digests: readonly string[]): Promise<StoredSession<TToken> | null> {
    return this.find('refreshFamilyHash', digests);
  }

  /** The sessions that the database has under these ids, ended ones too. */
  async byIds(ids: readonly string[]): Promise<TToken[]> {
    const rows = await this.table.read((rows) =>
      this.withRelations(rows).where('token.id IN (:...ids)', { ids }).getMany(),
    );
    return rows.map((row) => this.table.release(row));
  }

  private async find(
    column: 'accessTokenHash' | 'refreshFamilyHash',
    digests: readonly string[],
  ): Promise<StoredSession<TToken> | null> {
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
    joinUser(rows, this.table.userMetadata);
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
