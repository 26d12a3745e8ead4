import type { DataSource } from 'typeorm';
import { runStatement } from '../database-errors.js';
import type { Transaction } from '../transaction.js';
import { canExecute, sendExecute } from './mysql.js';
import { sendKept } from './sqlite.js';
import { canName, sendNamed } from './postgres.js';
import { sendText } from './text.js';
import type { Send, StatementResult, StatementSource } from './statement.js';
import { aboutSubscribers, hearsQueries } from './subscribers.js';

/** Sends a statement of which the text is known: to the pool, or within the app's transaction. */
export type PreparedStatement = (
  values: () => readonly unknown[],
  transaction: Transaction | undefined,
) => Promise<StatementResult>;

/**
 * A statement that the database parses and plans once per connection: named on PostgreSQL, `execute` on MySQL and
 * MariaDB, kept on SQLite. TypeORM would send its text each time, at several times the cost. It shows in TypeORM's
 * query log as any other. Without `preparedStatements`, on other databases, and in an app's transaction TypeORM sends it.
 *
 * @returns a function that throws AuthentifyUnavailableError when the database cannot answer.
 */
export function prepareStatement(
  { dataSource, preparedStatements, comment }: StatementSource,
  bare: string,
): PreparedStatement {
  const sql = comment.before(bare);
  const text = sendText(dataSource, sql);
  const prepared = preparedStatements ? sendPrepared(dataSource, sql) : undefined;
  const isWatched = aboutSubscribers(dataSource, (subscribers) => subscribers.some(hearsQueries));
  const send: Send = (values) => (prepared && !isWatched() ? prepared : text)(values);
  return (values, transaction) =>
    transaction ? transaction.send(sql, values) : runStatement(dataSource, () => send(values));
}

export function isMysql({ options }: DataSource): boolean {
  return options.type === 'mysql' || options.type === 'mariadb';
}

function sendPrepared(dataSource: DataSource, sql: string): Send | undefined {
  const { options } = dataSource;
  if (options.type === 'postgres') return canName(dataSource) ? sendNamed(dataSource, sql) : undefined;
  if (options.type === 'better-sqlite3') return sendKept(dataSource, sql);
  return isMysql(dataSource) && canExecute(dataSource) ? sendExecute(dataSource, sql) : undefined;
}
