import type { DataSource } from 'typeorm';
import { runStatement } from '../database-errors.js';
import type { Row } from './row.js';
import { canExecute, sendExecute } from './send-execute.js';
import { sendKept } from './send-kept.js';
import { sendNamed } from './send-named.js';
import type { Send, StatementSource } from './statement.js';

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
  return isMysql(dataSource) && canExecute(dataSource) ? sendExecute(dataSource, sql) : undefined;
}

function sendText(dataSource: DataSource, sql: string): Send {
  return async (values) => {
    const queryRunner = dataSource.createQueryRunner('master');
    try {
      await queryRunner.connect();
      const { records, affected } = await queryRunner.query(sql, [...values()], true);
      return { rows: ((records ?? []) as object[]).map(Object.values) as Row[], affected: affected ?? 0 };
    } finally {
      await queryRunner.release();
    }
  };
}
