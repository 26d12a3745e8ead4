import type { EntityMetadata, SelectQueryBuilder } from 'typeorm';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import { AuthentifyUserNotFoundError } from '../errors/authentify-user-not-found.error.js';
import type { AbstractAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';

type Rows = SelectQueryBuilder<AbstractAuthToken>;

/** What is asked of a token table. */
interface Table {
  userMetadata: EntityMetadata;
  ownerColumn: EntityMetadata['columns'][number];
  read<T>(select: (rows: Rows) => Promise<T>): Promise<T>;
}

/** How sessions refer to their users: the relation, and the column of the user entity. */
export function ownerOf(metadata: EntityMetadata): {
  relation: EntityMetadata['relations'][number];
  column: EntityMetadata['columns'][number];
} {
  const relation = metadata.findRelationWithPropertyPath('user');
  const column = relation?.joinColumns[0]?.referencedColumn;
  if (relation && column) return { relation, column };
  throw new AuthentifyConfigurationError(
    'tokenEntity',
    `(${metadata.name}) needs @TokenOwner(() => User) on its property "user"`,
  );
}

/**
 * Asks for a user where rows of the table may be none; elsewhere the INSERT tells (R73).
 *
 * @throws AuthentifyUserNotFoundError where `findOne` would not give this user.
 */
export async function assertOwner(table: Table, userId: UserId): Promise<void> {
  const { userMetadata, ownerColumn } = table;
  if (!mayHide(userMetadata)) return;
  const condition = `user.${ownerColumn.propertyPath} = :userId`;
  const isPresent = await table.read((rows) =>
    rows.createQueryBuilder().select('user').from(userMetadata.target, 'user').where(condition, { userId }).getExists(),
  );
  if (!isPresent) throw new AuthentifyUserNotFoundError();
}

/** Joins the users that `findOne` would give; others are `null`, as are those that are soft-deleted (R51, R73). */
export function joinUser(rows: Rows, users: EntityMetadata): Rows {
  return rows.leftJoinAndSelect('token.user', 'user', ...kindsOf(users));
}

/** Leaves out the rows whose user `findOne` would not give. */
export function withPresentUser(rows: Rows, users: EntityMetadata): Rows {
  return mayHide(users) ? rows.innerJoin('token.user', 'user', ...kindsOf(users)) : rows;
}

/** Whether rows of the users' table may be no users: soft-deleted, or of another child of a table inheritance. */
function mayHide({ deleteDateColumn, parentEntityMetadata }: EntityMetadata): boolean {
  return deleteDateColumn !== undefined || (parentEntityMetadata as EntityMetadata | undefined) !== undefined;
}

/**
 * The condition that the child of a table inheritance puts on rows of its table, for a join whose alias is `user`;
 * TypeORM itself adds it to `find`, not to joins.
 */
function kindsOf(metadata: EntityMetadata): [condition?: string, parameters?: { kinds: unknown[] }] {
  const { discriminatorColumn, parentEntityMetadata, childEntityMetadatas } = metadata;
  if (!discriminatorColumn || !(parentEntityMetadata as EntityMetadata | undefined)) return [];
  const kinds = [metadata, ...childEntityMetadatas].map(({ discriminatorValue }) => discriminatorValue);
  return [`user.${discriminatorColumn.propertyPath} IN (:...kinds)`, { kinds }];
}
