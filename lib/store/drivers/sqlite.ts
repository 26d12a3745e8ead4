import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { lackOf } from '../../private-part.js';
import { logged, type Prepare, type Row, type StatementResult } from './driver.js';
import { sqliteConnectionOf, STORE_PARTS } from './typeorm-internals.js';

/** The used part of a connection of `better-sqlite3`. */
interface SqliteConnection {
  prepare(sql: string): SqliteStatement;
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
  if (!canKeep(dataSource)) return undefined;
  const statement = new KeptStatement(dataSource, sql);
  return (values) => logged(dataSource, sql, values(), (given) => statement.run(given));
};

const warned = new WeakSet<DataSource>();

/** Whether the connection is found; the log says once where it is not. */
function canKeep(dataSource: DataSource): boolean {
  if (typeof sqliteConnectionOf<SqliteConnection>(dataSource)?.prepare === 'function') return true;
  if (!warned.has(dataSource)) new Logger(KeptStatement.name).warn(lackOf(STORE_PARTS.sqliteConnection));
  warned.add(dataSource);
  return false;
}

/** One statement, prepared anew where the data source was closed and opened again. */
class KeptStatement {
  readonly #prepared = new WeakMap<object, SqliteStatement>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly sql: string,
  ) {}

  async run(values: readonly unknown[]): Promise<StatementResult> {
    const connection = sqliteConnectionOf<SqliteConnection>(this.dataSource)!;
    const statement = this.#prepared.get(connection) ?? this.#prepare(connection);
    if (!statement.reader) return { rows: [], affected: statement.run(...values).changes };
    if (values.length > 1) return { rows: statement.all(...values), affected: 0 };
    // One digest finds one row at most, for which `all` would cost as much again.
    const row = statement.get(...values);
    return { rows: row ? [row] : [], affected: 0 };
  }

  #prepare(connection: SqliteConnection): SqliteStatement {
    const statement = connection.prepare(this.sql);
    if (statement.reader) statement.raw();
    this.#prepared.set(connection, statement);
    return statement;
  }
}
