import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { ownCodeOf } from '../error-codes.js';
import { type Connection, drop, isInDoubt, mustDrop, watchConnections } from './connections.js';
import { logged } from './query-log.js';
import type { Row } from './row.js';
import type { Send } from './statement.js';

/** What is used of the driver, all of it public on TypeORM's: the pool. */
interface MysqlDriver {
  pool: { getConnection(done: Callback<MysqlConnection>): void; execute?: unknown };
}
interface MysqlConnection extends Connection {
  execute(query: MysqlQuery, done: Callback<MysqlResult>): void;
  query(query: MysqlQuery, done: Callback<MysqlResult>): void;
  release(): void;
}
interface MysqlQuery {
  sql: string;
  values: readonly unknown[];
  rowsAsArray: true;
}
type MysqlResult = Row[] | { affectedRows: number };
type Callback<T> = (error: unknown, result: T) => void;

/**
 * `max_prepared_stmt_count` is reached, or the server or a proxy prepares nothing, has forgotten what it prepared, or
 * cannot prepare it again: the statement did not run.
 */
const NOT_PREPARED = /^(1243|1295|1461|1615)$/;

const logger = new Logger('AuthentifyModule');
const told = new WeakSet<DataSource>();

/**
 * Not with replicas, which are a cluster of pools, and not with the driver `mysql`, which prepares nothing. Nor with a
 * `typeCast` of the app's, which was written for text: answers to prepared statements are binary.
 */
export function canExecute({ driver, options }: DataSource): boolean {
  const { typeCast = true } = (options as { extra?: { typeCast?: unknown } }).extra ?? {};
  return typeCast === true && (driver as unknown as Partial<MysqlDriver>).pool?.execute !== undefined;
}

/** Prepared statements of MySQL and MariaDB, by the driver `mysql2`. */
export function sendExecute(dataSource: DataSource, sql: string): Send {
  const driver = dataSource.driver as unknown as MysqlDriver;
  const timeout = timeoutOf(dataSource);
  const answerOf = (answer: Promise<MysqlResult>): Promise<MysqlResult> => (timeout ? within(timeout, answer) : answer);
  /** Connections that cannot prepare this statement. */
  const unprepared = new WeakSet<MysqlConnection>();
  let watched: unknown;

  const run = async (connection: MysqlConnection, values: readonly unknown[]): Promise<MysqlResult> => {
    const query: MysqlQuery = { sql, values, rowsAsArray: true };
    if (!unprepared.has(connection)) {
      try {
        return await promised((done) => connection.execute(query, done));
      } catch (error) {
        const code = ownCodeOf(dataSource, error) ?? '';
        if (!NOT_PREPARED.test(code)) throw error;
        unprepared.add(connection);
        tell(dataSource, code);
      }
    }
    return promised((done) => connection.query(query, done));
  };

  return async (values) => {
    const { pool } = driver;
    if (pool !== watched) {
      watchConnections(dataSource);
      watched = pool;
    }
    const checkOut = (): Promise<MysqlConnection> => promised((done) => pool.getConnection(done));
    let connection = await checkOut();
    while (isInDoubt(dataSource, connection)) {
      drop(connection);
      connection = await checkOut();
    }
    try {
      const result = await logged(dataSource, sql, values(), (given) => answerOf(run(connection, given)));
      return Array.isArray(result) ? { rows: result, affected: 0 } : { rows: [], affected: result.affectedRows };
    } catch (error) {
      if (mustDrop(dataSource, connection, error)) drop(connection);
      throw error;
    } finally {
      connection.release();
    }
  };
}

/** The driver's own timeout does not run while a statement is prepared. */
async function within<T>(timeout: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error('Query inactivity timeout'), { code: 'PROTOCOL_SEQUENCE_TIMEOUT' });
    timer = setTimeout(() => reject(error), timeout);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** As TypeORM has it for its own queries. */
function timeoutOf({ options }: DataSource): number | undefined {
  const { enableQueryTimeout, maxQueryExecutionTime } = options as typeof options & { enableQueryTimeout?: boolean };
  return enableQueryTimeout ? maxQueryExecutionTime : undefined;
}

function tell(dataSource: DataSource, code: string): void {
  if (told.has(dataSource)) return;
  told.add(dataSource);
  logger.warn(
    `The database does not prepare a statement (${code}); connections that cannot send it as text. Raise ` +
      'max_prepared_stmt_count, or set preparedStatements: false.',
  );
}

/** The driver's own promises make an error with a stack for every call, just in case. */
function promised<T>(call: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });
}
