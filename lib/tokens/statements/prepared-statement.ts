import { hash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { DataSource, EntityMetadata } from 'typeorm';
import { runStatement } from '../database-errors.js';
import type { Row } from './row.js';

/** Where statements are sent, and for which entity. */
export interface StatementSource {
  dataSource: DataSource;
  metadata: EntityMetadata;
  /** `false`: TypeORM sends their text each time. */
  preparedStatements: boolean;
}

/** What a statement came to: the rows it read, or the number of those it changed. */
export interface StatementResult {
  rows: Row[];
  affected: number;
}

/** Sends a statement to the primary, with the values it asks for when it has a connection. */
type Send = (values: () => readonly unknown[]) => Promise<StatementResult>;

/** What is used of the drivers, all of it public on TypeORM's: the pool of the primary, or the one connection. */
interface PostgresDriver {
  master: { connect(): Promise<PostgresConnection> };
}
interface PostgresConnection extends EventEmitter {
  query(query: { name?: string; text: string; values: readonly unknown[] }): Promise<PostgresResult>;
  release(broken?: boolean): void;
}
interface PostgresResult {
  rows: Row[];
  rowCount: number | null;
}
interface MysqlDriver {
  pool: { promise(): { getConnection(): Promise<MysqlConnection> } };
}
interface MysqlConnection {
  execute(sql: string, values: readonly unknown[]): Promise<[Row[] | { affectedRows: number }, unknown]>;
  release(): void;
}
interface SqliteDriver {
  databaseConnection: { prepare(sql: string): SqliteStatement };
}
interface SqliteStatement {
  reader: boolean;
  get(...values: readonly unknown[]): Row | undefined;
  all(...values: readonly unknown[]): Row[];
  run(...values: readonly unknown[]): { changes: number };
}

/**
 * PostgreSQL's "cached plan must not change result type" after `ALTER TABLE`, and a pooler's "no such prepared
 * statement" and "it exists already": the statement did not run.
 */
const NOT_AS_PREPARED = /^(0A000|26000|42P05)$/;

/**
 * A statement that the database parses and plans once per connection: named on PostgreSQL, `execute` on MySQL and
 * MariaDB, kept on SQLite. TypeORM would send its text each time, at several times the cost. It shows in TypeORM's
 * query log as any other. Without `preparedStatements`, and on other databases, TypeORM sends it.
 *
 * @returns a function that throws AuthentifyUnavailableError when the database cannot answer.
 */
export function prepareStatement({ dataSource, preparedStatements }: StatementSource, sql: string): Send {
  const send = (preparedStatements && sendPrepared(dataSource, sql)) || sendText(dataSource, sql);
  return (values) => runStatement(() => send(values));
}

export function isMysql({ options }: DataSource): boolean {
  return options.type === 'mysql' || options.type === 'mariadb';
}

function sendPrepared(dataSource: DataSource, sql: string): Send | undefined {
  const { options, subscribers } = dataSource;
  // Only TypeORM can tell subscribers about queries.
  if (subscribers.some((subscriber) => 'beforeQuery' in subscriber || 'afterQuery' in subscriber)) return undefined;
  if (options.type === 'postgres') return sendNamed(dataSource, sql);
  if (options.type === 'better-sqlite3') return sendKept(dataSource, sql);
  const isPool = isMysql(dataSource) && !('replication' in options && options.replication);
  return isPool ? sendExecute(dataSource, sql) : undefined;
}

function sendText(dataSource: DataSource, sql: string): Send {
  return async (values) => {
    const queryRunner = dataSource.createQueryRunner('master');
    try {
      await queryRunner.connect();
      const { records, affected } = await queryRunner.query(sql, [...values()], true);
      return { rows: records as Row[], affected: affected ?? 0 };
    } finally {
      await queryRunner.release();
    }
  };
}

function sendNamed(dataSource: DataSource, text: string): Send {
  const digest = hash('sha256', text).slice(0, 16);
  // Counted up when connections hold an outdated plan under the name so far.
  let generation = 1;
  let name = `authentify_${digest}_1`;
  const query = async (connection: PostgresConnection, values: readonly unknown[]): Promise<PostgresResult> => {
    try {
      return await connection.query({ name, text, values });
    } catch (error) {
      if (!NOT_AS_PREPARED.test(String((error as { code?: unknown }).code))) throw error;
      generation += 1;
      name = `authentify_${digest}_${generation}`;
      return connection.query({ text, values });
    }
  };
  return async (values) => {
    const connection = await (dataSource.driver as unknown as PostgresDriver).master.connect();
    let broken = false;
    const onError = (): void => {
      broken = true;
    };
    connection.on('error', onError);
    try {
      const { rows, rowCount } = await logged(dataSource, text, values(), (given) => query(connection, given));
      return { rows, affected: rowCount ?? 0 };
    } finally {
      connection.off('error', onError);
      connection.release(broken);
    }
  };
}

function sendExecute(dataSource: DataSource, sql: string): Send {
  return async (values) => {
    const connection = await (dataSource.driver as unknown as MysqlDriver).pool.promise().getConnection();
    try {
      const [result] = await logged(dataSource, sql, values(), (given) => connection.execute(sql, given));
      return Array.isArray(result) ? { rows: result, affected: 0 } : { rows: [], affected: result.affectedRows };
    } finally {
      connection.release();
    }
  };
}

function sendKept(dataSource: DataSource, sql: string): Send {
  const statements = new WeakMap<object, SqliteStatement>();
  const run = async (values: readonly unknown[]): Promise<StatementResult> => {
    const { databaseConnection } = dataSource.driver as unknown as SqliteDriver;
    const statement = statements.get(databaseConnection) ?? databaseConnection.prepare(sql);
    statements.set(databaseConnection, statement);
    if (!statement.reader) return { rows: [], affected: statement.run(...values).changes };
    if (values.length > 1) return { rows: statement.all(...values), affected: 0 };
    // One digest finds one row at most, for which `all` would cost as much again.
    const row = statement.get(...values);
    return { rows: row ? [row] : [], affected: 0 };
  };
  return (values) => logged(dataSource, sql, values(), run);
}

/** Tells TypeORM's logger what TypeORM would have told it. */
async function logged<TResult>(
  { logger, options }: DataSource,
  sql: string,
  values: readonly unknown[],
  send: (values: readonly unknown[]) => Promise<TResult>,
): Promise<TResult> {
  const parameters = [...values];
  logger.logQuery(sql, parameters);
  const start = Date.now();
  try {
    return await send(values);
  } catch (error) {
    logger.logQueryError(error as Error, sql, parameters);
    throw error;
  } finally {
    const took = Date.now() - start;
    if (options.maxQueryExecutionTime && took > options.maxQueryExecutionTime)
      logger.logQuerySlow(took, sql, parameters);
  }
}
