import type { DataSource, EntityMetadata, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { Row } from '../drivers/driver.js';
import { assertPlainEntity, assertPlainRelation, NotCompilableError } from './plain-entity.js';

type ColumnMetadata = EntityMetadata['columns'][number];
type RelationMetadata = EntityMetadata['relations'][number];
type RelationIdMetadata = EntityMetadata['relationIds'][number];

/** A name in quotes, or brackets with what is in them, to which commas may belong. */
const ENCLOSED = String.raw`"[^"]*"|\`[^\`]*\`|\((?:[^()]|\([^()]*\))*\)`;
/** The list of columns: after the comment that an app may put first, up to the first FROM that is no name. */
const SELECTED = new RegExp(String.raw`^(?:/\*.*?\*/\s*)?SELECT ((?:${ENCLOSED}|(?! FROM )[^"\`(])*) FROM `, 's');
const ITEM = new RegExp(String.raw`(?:${ENCLOSED}|[^,"\`(])+`, 'g');
const NAMED = /^ ?\S.* AS (["`])(\w+)\1$/s;

/** Writes one member of an entity. */
type Assign = (entity: ObjectLiteral, row: Row) => void;

/** The place of a column's values in the rows; it is known once the statement is. */
export interface Place {
  at: number;
}

/**
 * Adds to a query what an entity is made of, once, and makes entities of its rows from then on, equal to those of
 * `findOne`: columns with their transformers, embedded ones, `@RelationId` and eager relations to one.
 *
 * @throws NotCompilableError where TypeORM does more than that when it reads the entity, or might.
 */
export class CompiledEntity {
  /** Whether some column is a single-precision number, which drivers read from text and from binary differently. */
  hasFloats = false;
  /** The entities that rows are made into, and what comes along with them. */
  readonly entities: EntityMetadata[] = [];
  /** By the path of their column, in the order in which they were added. */
  private readonly places = new Map<string, Place>();
  private joins = 0;

  constructor(
    private readonly dataSource: DataSource,
    private readonly query: SelectQueryBuilder<ObjectLiteral>,
  ) {}

  /** Selects a column, be it one that the entity leaves out. */
  add(path: string): Place {
    const known = this.places.get(path);
    if (known) return known;
    const place = { at: this.places.size };
    this.query.addSelect(path, `c${place.at}`);
    this.places.set(path, place);
    return place;
  }

  /**
   * Reads out of the statement where its columns are: TypeORM has its own order, not the same in all versions.
   *
   * @throws NotCompilableError where a column is missing, or another one came along.
   */
  locate(sql: string): void {
    const selected = selectedIn(sql);
    if (selected.length !== this.places.size)
      throw new NotCompilableError(`TypeORM selects ${selected.length} columns in place of ${this.places.size}`);
    for (const [index, place] of [...this.places.values()].entries()) {
      place.at = selected.indexOf(`c${index}`);
      if (place.at === -1) throw new NotCompilableError('TypeORM selects columns that were not asked for');
    }
  }

  /** Selects an entity and all that is eager in it; what it returns gives `null` where a row has none. */
  addEntity(alias: string, metadata: EntityMetadata, alsoJoin?: RelationMetadata): (row: Row) => ObjectLiteral | null {
    assertPlainEntity(metadata);
    this.entities.push(metadata);
    const relations = new Set([...metadata.eagerRelations, ...(alsoJoin ? [alsoJoin] : [])]);
    const keys: Place[] = [];
    const assignments: Assign[] = [
      ...metadata.columns.filter(isSelected).map((column) => this.column(alias, column, keys)),
      ...metadata.relationIds.map((relationId) => this.relationId(alias, relationId)),
      ...[...relations].map((relation) => this.relation(alias, metadata, relation)),
    ];
    return (row) => {
      if (keys.some(({ at }) => row[at] === null)) return null;
      const entity = metadata.create(undefined, { fromDeserializer: true }) as ObjectLiteral;
      for (const assign of assignments) assign(entity, row);
      return entity;
    };
  }

  private column(alias: string, column: ColumnMetadata, keys: Place[]): Assign {
    const { driver } = this.dataSource;
    const place = this.add(`${alias}.${column.propertyPath}`);
    if (column.isPrimary) keys.push(place);
    if (column.type === 'float') this.hasFloats = true;
    if (column.embeddedMetadata) {
      return (entity, row) => column.setEntityValue(entity, driver.prepareHydratedValue(row[place.at], column));
    }
    const { propertyName } = column;
    return (entity, row) => {
      entity[propertyName] = driver.prepareHydratedValue(row[place.at], column);
    };
  }

  private relationId(alias: string, { propertyName, relation }: RelationIdMetadata): Assign {
    const { driver } = this.dataSource;
    const [own] = relation.joinColumns;
    const referenced = own?.referencedColumn;
    if (!own || !referenced || relation.joinColumns.length > 1) {
      throw new NotCompilableError(
        `@RelationId ${propertyName} is not of one column of its own table`,
        'read the relation when it is needed',
      );
    }
    const place = this.add(`${alias}.${own.propertyPath}`);
    return (entity, row) => {
      entity[propertyName] = driver.prepareHydratedValue(row[place.at], referenced);
    };
  }

  /** Joined from the left, so that the row of a soft-deleted user is found, without a user. */
  private relation(alias: string, metadata: EntityMetadata, relation: RelationMetadata): Assign {
    assertPlainRelation(metadata, relation);
    this.joins += 1;
    const joined = `r${this.joins}`;
    this.query.leftJoin(`${alias}.${relation.propertyPath}`, joined);
    const entityOf = this.addEntity(joined, relation.inverseEntityMetadata);
    return (entity, row) => relation.setEntityValue(entity, entityOf(row));
  }
}

function isSelected(column: ColumnMetadata): boolean {
  return column.isSelect && !column.isVirtual;
}

/**
 * The names of the columns that a SELECT of TypeORM's gives, in the order in which they are in its rows.
 *
 * @throws NotCompilableError where that cannot be said for sure: values would end up in the wrong properties.
 */
export function selectedIn(sql: string): string[] {
  const items = SELECTED.exec(sql)?.[1]?.match(ITEM) ?? [];
  const names = items.map((item) => NAMED.exec(item)?.[2]);
  if (names.length === 0 || names.includes(undefined) || new Set(names).size !== names.length)
    throw new NotCompilableError('TypeORM writes the statement in an unknown form');
  return names as string[];
}
