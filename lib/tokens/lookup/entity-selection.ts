import type { DataSource, EntityMetadata, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { Row } from '../statements/row.js';

type ColumnMetadata = EntityMetadata['columns'][number];
type RelationMetadata = EntityMetadata['relations'][number];
type RelationIdMetadata = EntityMetadata['relationIds'][number];

/** Writes one member of an entity. */
type Assign = (entity: ObjectLiteral, row: Row) => void;

/** An entity that only TypeORM itself can read; the message says why. */
export class NotCompilableError extends Error {}

/**
 * Adds to a query what an entity is made of, once, and makes entities of its rows from then on, equal to what
 * `findOne` gives: columns with their transformers, embedded ones, `@RelationId` and everything eager to one.
 *
 * @throws NotCompilableError where TypeORM does more than that when it reads the entity.
 */
export class EntitySelection {
  /** Whether some column is a single-precision number, which drivers read from text and from binary differently. */
  hasFloats = false;
  /** Of the columns in the rows, by path. */
  private readonly places = new Map<string, number>();
  private joins = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly query: SelectQueryBuilder<ObjectLiteral>,
  ) {}

  /** Selects a column, be it one that the entity leaves out, and returns its place in the rows. */
  add(path: string): number {
    const known = this.places.get(path);
    if (known !== undefined) return known;
    const place = this.places.size;
    this.query.addSelect(path, `c${place}`);
    this.places.set(path, place);
    return place;
  }

  /** Selects an entity and all that is eager in it; what it returns gives `null` where a row has none. */
  addEntity(alias: string, metadata: EntityMetadata, alsoJoin?: RelationMetadata): (row: Row) => ObjectLiteral | null {
    assertPlain(this.dataSource, metadata);
    const relations = new Set([...metadata.eagerRelations, ...(alsoJoin ? [alsoJoin] : [])]);
    const keys: number[] = [];
    const assignments: Assign[] = [
      ...metadata.columns.filter(isSelected).map((column) => this.column(alias, column, keys)),
      ...metadata.relationIds.map((relationId) => this.relationId(alias, relationId)),
      ...[...relations].map((relation) => this.relation(alias, relation)),
    ];
    return (row) => {
      if (keys.some((key) => row[key] === null)) return null;
      const entity = metadata.create(undefined, { fromDeserializer: true }) as ObjectLiteral;
      for (const assign of assignments) assign(entity, row);
      return entity;
    };
  }

  private column(alias: string, column: ColumnMetadata, keys: number[]): Assign {
    const { driver } = this.dataSource;
    const place = this.add(`${alias}.${column.propertyPath}`);
    if (column.isPrimary) keys.push(place);
    if (column.type === 'float') this.hasFloats = true;
    if (column.embeddedMetadata) {
      return (entity, row) => column.setEntityValue(entity, driver.prepareHydratedValue(row[place], column));
    }
    const { propertyName } = column;
    return (entity, row) => {
      entity[propertyName] = driver.prepareHydratedValue(row[place], column);
    };
  }

  private relationId(alias: string, { propertyName, relation }: RelationIdMetadata): Assign {
    const { driver } = this.dataSource;
    const [own] = relation.joinColumns;
    const referenced = own?.referencedColumn;
    if (!own || !referenced)
      throw new NotCompilableError(`@RelationId ${propertyName} is not of one column of its own table`);
    const place = this.add(`${alias}.${own.propertyPath}`);
    return (entity, row) => {
      entity[propertyName] = driver.prepareHydratedValue(row[place], referenced);
    };
  }

  /** Joined from the left, so that the row of a soft-deleted user is found, without a user. */
  private relation(alias: string, relation: RelationMetadata): Assign {
    if (relation.isOneToMany || relation.isManyToMany)
      throw new NotCompilableError(`${relation.propertyPath} loads many rows eagerly`);
    this.joins += 1;
    const joined = `r${this.joins}`;
    this.query.leftJoin(`${alias}.${relation.propertyPath}`, joined);
    const entityOf = this.addEntity(joined, relation.inverseEntityMetadata);
    return (entity, row) => relation.setEntityValue(entity, entityOf(row));
  }
}

/**
 * @returns the SQL itself, if it selects in the order in which columns were added.
 * @throws NotCompilableError where it does not: values would end up in the wrong properties.
 */
export function inOrder(sql: string): string {
  const places = Array.from(sql.matchAll(/ AS \Wc(\d+)\W/g), ([, place]) => Number(place));
  if (places.some((place, index) => place !== index))
    throw new NotCompilableError('TypeORM puts the columns in another order');
  return sql;
}

function isSelected(column: ColumnMetadata): boolean {
  return column.isSelect && !column.isVirtual;
}

/** @throws NotCompilableError where reading this entity is more than reading its columns. */
function assertPlain(dataSource: DataSource, metadata: EntityMetadata): void {
  const obstacles: Record<string, boolean> = {
    'is part of a table inheritance': metadata.discriminatorColumn !== undefined,
    'has lazy relations': metadata.lazyRelations.length > 0,
    'has a @VirtualColumn': metadata.columns.some((column) => column.isVirtualProperty),
    'has a relation in its primary key': metadata.primaryColumns.some((column) => column.isVirtual),
    'has a @RelationId with a condition': metadata.relationIds.some((id) => id.queryBuilderFactory !== undefined),
    'is changed after loading': metadata.afterLoadListeners.length > 0 || hasSubscriber(dataSource, metadata),
  };
  const obstacle = Object.keys(obstacles).find((name) => obstacles[name]);
  if (obstacle !== undefined) throw new NotCompilableError(`${metadata.name} ${obstacle}`);
}

function hasSubscriber({ subscribers }: DataSource, { inheritanceTree }: EntityMetadata): boolean {
  return subscribers.some((subscriber) => {
    if (!subscriber.afterLoad) return false;
    const target = subscriber.listenTo?.();
    return !target || target === Object || inheritanceTree.some((type) => type === target);
  });
}
