import type { EntityMetadata } from 'typeorm';
import { relationCountsOf } from '../drivers/typeorm-internals.js';

type ColumnMetadata = EntityMetadata['columns'][number];
type RelationMetadata = EntityMetadata['relations'][number];

/** An entity that only TypeORM itself can read. */
export class NotCompilableError extends Error {
  /**
   * @param reason says why.
   * @param remedy says what an app would change to have it read without TypeORM; left out where no app can.
   */
  constructor(
    reason: string,
    readonly remedy?: string,
  ) {
    super(reason);
  }
}

/** Marks of TypeORM's on columns that are read plainly. A mark that is not here may mean more, now or in a later version. */
const PLAIN_COLUMNS: ReadonlySet<string> = new Set([
  'isPrimary',
  'isGenerated',
  'isNullable',
  'isSelect',
  'isInsert',
  'isUpdate',
  'isArray',
  // A foreign key without a property of its own, which is no part of the entity.
  'isVirtual',
  'isCreateDate',
  'isUpdateDate',
  'isDeleteDate',
  'isVersion',
]);

/** Marks of relations whose row can be joined to that of their owner. */
const PLAIN_RELATIONS: ReadonlySet<string> = new Set([
  'isEager',
  'isManyToOne',
  'isOneToOne',
  'isOneToOneOwner',
  'isOneToOneNotOwner',
  'isOwning',
  'isWithJoinColumn',
  'isNullable',
  'isCascadeInsert',
  'isCascadeUpdate',
  'isCascadeRemove',
  'isCascadeSoftRemove',
  'isCascadeRecover',
]);

/** @throws NotCompilableError unless reading this entity is known to be nothing but reading its columns. */
export function assertPlainEntity(metadata: EntityMetadata): void {
  const { name, columns, primaryColumns, relationIds, lazyRelations, afterLoadListeners } = metadata;
  const refuse = (what: string, remedy: string): never => {
    throw new NotCompilableError(`${name} ${what}`, remedy);
  };
  if (metadata.inheritancePattern !== undefined || metadata.tableType === 'entity-child')
    refuse('is part of a table inheritance', 'give it a table of its own');
  if (metadata.tableType !== 'regular') refuse(`is a ${metadata.tableType}, not a table`, 'map a table');
  if (metadata.treeType !== undefined) refuse('is a tree', 'keep the tree in an entity of its own');
  if (lazyRelations.length > 0)
    refuse(`has lazy relations (${propertiesOf(lazyRelations)})`, 'load them when they are needed');
  if (relationCountsOf(metadata).length > 0)
    refuse(`has a @RelationCount (${propertiesOf(relationCountsOf(metadata))})`, 'count when the number is needed');
  if (metadata.allEmbeddeds.some(({ isArray }) => isArray))
    refuse('embeds many of a kind', 'keep them in a column of JSON');
  if (primaryColumns.some(({ isVirtual }) => isVirtual))
    refuse('has a relation in its primary key', 'give it a key of its own');
  if (primaryColumns.some(({ isSelect }) => !isSelect))
    refuse('has a primary key that is not selected', 'leave out "select: false" there');
  if (relationIds.some(({ queryBuilderFactory }) => queryBuilderFactory !== undefined))
    refuse('has a @RelationId with a condition', 'leave the condition out');
  const computed = columns.filter(({ isVirtualProperty }) => isVirtualProperty);
  if (computed.length > 0) refuse(`has a @VirtualColumn (${propertiesOf(computed)})`, 'compute it when it is needed');
  for (const column of columns) assertPlainColumn(name, column);
  if (afterLoadListeners.length > 0)
    refuse(`is changed after loading (${propertiesOf(afterLoadListeners)})`, 'use getters in place of @AfterLoad');
}

/** @throws NotCompilableError unless what comes along can be joined as one more row. */
export function assertPlainRelation(metadata: EntityMetadata, relation: RelationMetadata): void {
  const path = `${metadata.name}.${relation.propertyPath}`;
  if (relation.isOneToMany || relation.isManyToMany)
    throw new NotCompilableError(`${path} loads many rows eagerly`, 'leave out "eager: true" there');
  const unknown = marksOf(relation).find((mark) => !PLAIN_RELATIONS.has(mark));
  if (unknown !== undefined)
    throw new NotCompilableError(`${path} is a relation of another kind (${unknown})`, 'leave out "eager: true" there');
}

function assertPlainColumn(entity: string, column: ColumnMetadata): void {
  const unknown = marksOf(column).find((mark) => !PLAIN_COLUMNS.has(mark));
  if (unknown === undefined) return;
  throw new NotCompilableError(
    `${entity}.${column.propertyPath} is a column of another kind (${unknown})`,
    'use a plain @Column',
  );
}

/** The marks that TypeORM has set: its properties `is…` that are `true`. */
function marksOf(metadata: object): string[] {
  return Object.entries(metadata)
    .filter(([name, value]) => name.startsWith('is') && value === true)
    .map(([name]) => name);
}

function propertiesOf(parts: readonly { propertyName: string }[]): string {
  return parts.map(({ propertyName }) => propertyName).join(', ');
}
