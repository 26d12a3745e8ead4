import type { DataSource } from 'typeorm';
import { logged } from './query-log.js';
import type { Row } from './row.js';
import type { Send } from './statement.js';

/** What is used of the driver, all of it public on TypeORM's: the pool. */
interface MysqlDriver {
  pool: { getConnection(done: Callback<MysqlConnection>): void; execute?: unknown };
}
interface MysqlConnection {
  execute(query: { sql: string; values: readonly unknown[]; rowsAsArray: true }, done: Callback<MysqlResult>): void;
  release(): void;
}
type MysqlResult = Row[] | { affectedRows: number };
type Callback<T> = (error: unknown, result: T) => void;

/** Not with replicas, which are a cluster of pools, and not with the driver `mysql`, which prepares nothing. */
export function canExecute({ driver }: DataSource): boolean {
  return (driver as unknown as Partial<MysqlDriver>).pool?.execute !== undefined;
}

/** Prepared statements of MySQL and MariaDB, by the driver `mysql2`. */
export function sendExecute(dataSource: DataSource, sql: string): Send {
  return async (values) => {
    const { pool } = dataSource.driver as unknown as MysqlDriver;
    const connection = await promised<MysqlConnection>((done) => pool.getConnection(done));
    try {
      const execute = (given: readonly unknown[]): Promise<MysqlResult> =>
        promised((done) => connection.execute({ sql, values: given, rowsAsArray: true }, done));
      const result = await logged(dataSource, sql, values(), execute);
      return Array.isArray(result) ? { rows: result, affected: 0 } : { rows: [], affected: result.affectedRows };
    } finally {
      connection.release();
    }
  };
}

/** The driver's own promises make an error with a stack for every call, just in case. */
function promised<T>(call: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });
}
