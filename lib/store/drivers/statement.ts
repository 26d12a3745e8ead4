import type { DataSource, EntityMetadata, ObjectLiteral, QueryBuilder } from 'typeorm';
import { runStatement } from '../database-errors.js';
import type { Transaction } from '../transaction.js';
import type { Prepare, Send, StatementResult } from './driver.js';
import { prepareOnMysql } from './mysql.js';
import { prepareOnPostgres } from './postgres.js';
import type { SqlComment } from './sql-comment.js';
import { prepareOnSqlite } from './sqlite.js';
import { aboutSubscribers, hearsQueries } from './subscribers.js';
import { sendText } from './typeorm.js';

type Type = DataSource['options']['type'];
type Values = Readonly<Record<string, unknown>>;

/** The data source that statements are sent to, and their entity. */
export interface StatementSource {
  dataSource: DataSource;
  metadata: EntityMetadata;
  /** `false`: TypeORM sends their text each time. */
  preparedStatements: boolean;
  /** Stands before each statement, for proxies. */
  comment: SqlComment;
}

/**
 * A statement of which the text is known: sent to the pool, or in the app's transaction.
 *
 * @throws AuthentifyUnavailableError when the database cannot answer.
 */
export type Statement = (
  values: () => readonly unknown[],
  transaction: Transaction | undefined,
) => Promise<StatementResult>;

/** A write with its values by name, made once there is a connection; resolves to the number of rows it changed. */
export type Write = (values: () => Values, transaction: Transaction | undefined) => Promise<number>;

/** An UPDATE, readable as one. */
export interface Update {
  /** The properties whose columns are set, to the values of the same names. */
  set: readonly string[];
  /** The condition in SQL: `{property}` is its column, `:name` the value of that name. */
  where: string;
}

/** Drivers that can have a statement prepared. All others are sent its text by TypeORM. */
const PREPARE: Partial<Record<Type, Prepare>> = {
  postgres: prepareOnPostgres,
  mysql: prepareOnMysql,
  mariadb: prepareOnMysql,
  'better-sqlite3': prepareOnSqlite,
};

/**
 * A statement that the database parses and plans once per connection. TypeORM would send its text each time, at several
 * times the cost. It shows in TypeORM's query log as any other. TypeORM sends it without `preparedStatements`, on other
 * databases, in an app's transaction, and where a subscriber wants to see queries.
 */
export function prepareStatement(
  { dataSource, preparedStatements, comment }: StatementSource,
  uncommented: string,
): Statement {
  const sql = comment.before(uncommented);
  const text = sendText(dataSource, sql);
  const prepared = preparedStatements ? PREPARE[dataSource.options.type]?.(dataSource, sql) : undefined;
  const isWatched = aboutSubscribers(dataSource, (subscribers) => subscribers.some(hearsQueries));
  const send: Send = (values) => (prepared && !isWatched() ? prepared : text)(values);
  return (values, transaction) =>
    transaction ? transaction.send(sql, values) : runStatement(dataSource, () => send(values));
}

/** Compiles the INSERT of these properties; the database fills in the rest. */
export function compileInsert(source: StatementSource, properties: readonly string[]): Write {
  const insert = source.dataSource.createQueryBuilder().insert().into(source.metadata.target);
  return compileWrite(source, insert.values(parametersOf(properties)).updateEntity(false), properties);
}

/** Compiles an UPDATE. */
export function compileUpdate(source: StatementSource, { set, where }: Update): Write {
  const { dataSource, metadata } = source;
  const update = dataSource.createQueryBuilder().update(metadata.target).set(parametersOf(set));
  const condition = where.replaceAll(/\{(\w+)\}/g, (_, property: string) =>
    dataSource.driver.escape(columnOf(metadata, property)?.databaseName ?? property),
  );
  const compared = Array.from(where.matchAll(/:(\w+)/g), ([, name = '']) => name);
  return compileWrite(source, update.where(condition), [...set, ...compared]);
}

/** Lets TypeORM write the statement once, with names where the values will be. */
function compileWrite(source: StatementSource, query: QueryBuilder<ObjectLiteral>, names: readonly string[]): Write {
  const { driver } = source.dataSource;
  query.setParameters(Object.fromEntries(names.map((name) => [name, name])));
  const [sql, order] = query.getQueryAndParameters() as [string, string[]];
  const statement = prepareStatement(source, sql);
  const columns = order.map((name) => columnOf(source.metadata, name));
  const encode = (values: Values) => (name: string, index: number) => {
    const column = columns[index];
    return column ? driver.preparePersistentValue(values[name], column) : values[name];
  };
  return async (values, transaction) => {
    const { affected } = await statement(() => order.map(encode(values())), transaction);
    return affected;
  };
}

/** TypeORM writes what these functions return into the statement. */
function parametersOf(properties: readonly string[]): Record<string, () => string> {
  return Object.fromEntries(properties.map((property) => [property, () => `:${property}`]));
}

function columnOf(metadata: EntityMetadata, property: string): EntityMetadata['columns'][number] | undefined {
  return metadata.findColumnWithPropertyName(property);
}
