import type { DataSource, QueryRunner } from 'typeorm';
import { onConnection } from './connections.js';
import type { Row } from './row.js';
import type { Send, StatementResult } from './statement.js';

/** Statements whose text TypeORM sends each time. */
export function sendText(dataSource: DataSource, sql: string): Send {
  return (values) => onConnection(dataSource, (queryRunner) => sendOn(queryRunner, sql, values()));
}

/** Sends a statement on a connection that somebody holds. */
export async function sendOn(
  queryRunner: QueryRunner,
  sql: string,
  values: readonly unknown[],
): Promise<StatementResult> {
  const { records, affected } = await queryRunner.query(sql, [...values], true);
  return { rows: ((records ?? []) as object[]).map(Object.values) as Row[], affected: affected ?? 0 };
}
