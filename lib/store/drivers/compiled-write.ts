import type { EntityMetadata, ObjectLiteral, QueryBuilder } from 'typeorm';
import type { Transaction } from '../transaction.js';
import { prepareStatement } from './prepared-statement.js';
import type { StatementSource } from './statement.js';

/** A write that asks for values, by name, when it has a connection; resolves to the number of rows it changed. */
export type Write = (
  values: () => Readonly<Record<string, unknown>>,
  transaction: Transaction | undefined,
) => Promise<number>;

/** The condition of an update. */
export interface Condition {
  /** Makes the SQL; `column` gives the quoted name of a property's column. */
  sql(column: (property: string) => string): string;
  /** The parameters it adds to the properties that are set; they are sent as they are. */
  parameters: readonly string[];
}

/** Compiles the INSERT of these properties; the database fills in what is left. */
export function compileInsert(source: StatementSource, properties: readonly string[]): Write {
  const insert = source.dataSource.createQueryBuilder().insert().into(source.metadata.target);
  return compile(source, insert.values(parametersOf(properties)).updateEntity(false), properties);
}

/** Compiles the UPDATE of these properties. */
export function compileUpdate(source: StatementSource, properties: readonly string[], condition: Condition): Write {
  const { dataSource, metadata } = source;
  const column = (property: string): string =>
    dataSource.driver.escape(columnOf(metadata, property)?.databaseName ?? '');
  const update = dataSource.createQueryBuilder().update(metadata.target).set(parametersOf(properties));
  return compile(source, update.where(condition.sql(column)), [...properties, ...condition.parameters]);
}

/** Lets TypeORM write the statement once, with names where the values will be. */
function compile(source: StatementSource, query: QueryBuilder<ObjectLiteral>, names: readonly string[]): Write {
  const { driver } = source.dataSource;
  query.setParameters(Object.fromEntries(names.map((name) => [name, name])));
  const [sql, order] = query.getQueryAndParameters() as [string, string[]];
  const send = prepareStatement(source, sql);
  const columns = order.map((name) => columnOf(source.metadata, name));
  const encode = (values: Readonly<Record<string, unknown>>) => (name: string, index: number) => {
    const column = columns[index];
    return column ? driver.preparePersistentValue(values[name], column) : values[name];
  };
  return async (values, transaction) => (await send(() => order.map(encode(values())), transaction)).affected;
}

/** TypeORM writes what these functions return into the statement. */
function parametersOf(properties: readonly string[]): Record<string, () => string> {
  return Object.fromEntries(properties.map((property) => [property, () => `:${property}`]));
}

function columnOf(metadata: EntityMetadata, property: string): EntityMetadata['columns'][number] | undefined {
  return metadata.findColumnWithPropertyName(property);
}
