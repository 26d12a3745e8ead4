import type { DataSource } from 'typeorm';
import { logged } from './query-log.js';
import type { Row } from './row.js';
import type { Send, StatementResult } from './statement.js';

/** What is used of the driver, all of it public on TypeORM's: the one connection. */
interface SqliteDriver {
  databaseConnection: { prepare(sql: string): SqliteStatement };
}
interface SqliteStatement {
  reader: boolean;
  raw(): void;
  get(...values: readonly unknown[]): Row | undefined;
  all(...values: readonly unknown[]): Row[];
  run(...values: readonly unknown[]): { changes: number };
}

/** Statements that are kept with the connection of SQLite. */
export function sendKept(dataSource: DataSource, sql: string): Send {
  const statements = new WeakMap<object, SqliteStatement>();
  const prepareKept = (connection: SqliteDriver['databaseConnection']): SqliteStatement => {
    const statement = connection.prepare(sql);
    if (statement.reader) statement.raw();
    statements.set(connection, statement);
    return statement;
  };
  const run = async (values: readonly unknown[]): Promise<StatementResult> => {
    const { databaseConnection } = dataSource.driver as unknown as SqliteDriver;
    const statement = statements.get(databaseConnection) ?? prepareKept(databaseConnection);
    if (!statement.reader) return { rows: [], affected: statement.run(...values).changes };
    if (values.length > 1) return { rows: statement.all(...values), affected: 0 };
    // One digest finds one row at most, for which `all` would cost as much again.
    const row = statement.get(...values);
    return { rows: row ? [row] : [], affected: 0 };
  };
  return (values) => logged(dataSource, sql, values(), run);
}
