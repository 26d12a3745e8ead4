import type { DataSource, QueryRunner } from 'typeorm';
import { type Connection, Connections, drop, type Lease } from './connections.js';
import type { Row, Send, StatementResult } from './driver.js';

/** Does something on a connection to the primary that TypeORM takes from its pool and gives back. */
export function onConnection<T>(dataSource: DataSource, work: (queryRunner: QueryRunner) => Promise<T>): Promise<T> {
  return Connections.of(dataSource).use(
    () => QueryRunnerLease.on(dataSource.createQueryRunner('master')),
    ({ queryRunner }) => work(queryRunner),
  );
}

/** Sends the text of a statement each time, for TypeORM's driver to prepare or not. */
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

/** Whether TypeORM had this error from its driver. */
export function isOfDriver(error: unknown): boolean {
  return 'driverError' in Object(error);
}

class QueryRunnerLease implements Lease {
  isBroken = false;

  private constructor(
    readonly queryRunner: QueryRunner,
    readonly connection: Connection,
  ) {}

  static async on(queryRunner: QueryRunner): Promise<QueryRunnerLease> {
    try {
      return new QueryRunnerLease(queryRunner, (await queryRunner.connect()) as Connection);
    } catch (error) {
      await queryRunner.release();
      throw error;
    }
  }

  readonly isOfDriver = isOfDriver;

  release(): Promise<void> {
    if (this.isBroken) drop(this.connection);
    return this.queryRunner.release();
  }
}
