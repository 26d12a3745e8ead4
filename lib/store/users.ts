import type { EntityMetadata, SelectQueryBuilder } from 'typeorm';
import { isTruthOrNumber, typeOf } from './column-types.js';
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
export async function assertUserExists(table: Table, userId: UserId): Promise<void> {
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

/**
 * The classes of users that say themselves whether they are active: of the entity and of its children in one table.
 *
 * @throws AuthentifyConfigurationError for an `isActive` by which that cannot be told: it would let everybody in (R73).
 */
export function classesWithIsActive(users: EntityMetadata): ReadonlySet<unknown> {
  const children = users.childEntityMetadatas.filter((child) => child.tablePath === users.tablePath);
  const all = [users, ...children];
  for (const metadata of all) {
    const obstacle = obstacleIn(metadata);
    if (obstacle === undefined) continue;
    throw new AuthentifyConfigurationError(
      'isUserActive',
      `is required: isActive of ${metadata.name} ${obstacle}, so the default cannot tell who is active. ` +
        'Define it, for example isUserActive: (user) => user.lockedAt === null',
    );
  }
  return new Set(all.filter(hasIsActive).map(({ target }) => target));
}

/** Why nothing can be told by `isActive` of this entity; `undefined` where something can, or it has none. */
function obstacleIn(metadata: EntityMetadata): string | undefined {
  const isIt = ({ propertyPath }: { propertyPath: string }): boolean => propertyPath === 'isActive';
  if (metadata.relations.some(isIt)) return 'is a relation';
  if (metadata.allEmbeddeds.some(isIt)) return 'is embedded';
  const column = metadata.columns.find(isIt);
  if (!column) return typeof sampleOf(metadata).isActive === 'function' ? 'is a method' : undefined;
  if (column.isVirtualProperty) return 'is a virtual column';
  if (!column.isSelect) return 'is not selected (select: false)';
  if (column.isArray) return 'is an array';
  // What a transformer makes of the column is judged as it comes.
  if (column.transformer || isTruthOrNumber(typeOf(column))) return undefined;
  return `is a column of the type ${typeOf(column)}`;
}

function hasIsActive(metadata: EntityMetadata): boolean {
  return metadata.columns.some(({ propertyPath }) => propertyPath === 'isActive') || isAccessor(metadata.target);
}

/** Not so a property without a column, which an app may fill in or leave out. */
function isAccessor(target: EntityMetadata['target']): boolean {
  return typeof target === 'function' && 'isActive' in (target.prototype as object);
}

function sampleOf(metadata: EntityMetadata): { isActive?: unknown } {
  try {
    const { isActive } = metadata.create() as { isActive?: unknown };
    return { isActive };
  } catch {
    // Its constructor or its getter needs more than an empty user.
    return {};
  }
}
