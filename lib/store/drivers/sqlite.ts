import type { DataSource } from 'typeorm';
import { logged, type Prepare, type Row, type StatementResult } from './driver.js';

/** What is used of the driver `better-sqlite3`, all of it public on TypeORM's: the one connection. */
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

/** SQLite keeps a prepared statement with its connection. */
export const prepareOnSqlite: Prepare = (dataSource, sql) => {
  const statement = new KeptStatement(dataSource, sql);
  return (values) => logged(dataSource, sql, values(), (given) => statement.run(given));
};

/** One statement, prepared anew where the data source was closed and opened again. */
class KeptStatement {
  readonly #prepared = new WeakMap<object, SqliteStatement>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly sql: string,
  ) {}

  async run(values: readonly unknown[]): Promise<StatementResult> {
    const { databaseConnection } = this.dataSource.driver as unknown as SqliteDriver;
    const statement = this.#prepared.get(databaseConnection) ?? this.#prepare(databaseConnection);
    if (!statement.reader) return { rows: [], affected: statement.run(...values).changes };
    if (values.length > 1) return { rows: statement.all(...values), affected: 0 };
    // One digest finds one row at most, for which `all` would cost as much again.
    const row = statement.get(...values);
    return { rows: row ? [row] : [], affected: 0 };
  }

  #prepare(connection: SqliteDriver['databaseConnection']): SqliteStatement {
    const statement = connection.prepare(this.sql);
    if (statement.reader) statement.raw();
    this.#prepared.set(connection, statement);
    return statement;
  }
}
