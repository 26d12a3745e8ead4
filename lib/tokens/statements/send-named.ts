import { hash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { DataSource } from 'typeorm';
import { logged } from './query-log.js';
import type { Row } from './row.js';
import type { Send } from './statement.js';

/** What is used of the driver, all of it public on TypeORM's: the pool of the primary. */
/** What is used of the drivers, all of it public on TypeORM's: the pool of the primary, or the one connection. */
interface PostgresDriver {
  master: { connect(): Promise<PostgresConnection>; totalCount?: number };
}
interface PostgresConnection extends EventEmitter {
  query(query: PostgresQuery): Promise<PostgresResult>;
  release(broken?: boolean): void;
}
interface PostgresQuery {
  name?: string;
  text: string;
  values: readonly unknown[];
  rowMode: 'array';
}
interface PostgresResult {
  rows: Row[];
  rowCount: number | null;
}

/**
 * PostgreSQL's "cached plan must not change result type" after `ALTER TABLE`, and a pooler's "no such prepared
 * statement" and "it exists already": the statement did not run.
 */
const NOT_AS_PREPARED = /^(0A000|26000|42P05)$/;

/** Not with what stands in for `pg`, such as a database within the process: it takes texts, and may have no pool at all. */
export function canName({ driver }: DataSource): boolean {
  return (driver as unknown as Partial<PostgresDriver>).master?.totalCount !== undefined;
}

/** Named statements of PostgreSQL. */
export function sendNamed(dataSource: DataSource, sql: string): Send {
  // For every answer the driver makes an object of the columns' names, needed or not: one name makes it a small one.
  const text = sql.replaceAll(/ AS "c\d+"/g, ' AS "c"');
  const rowMode = 'array';
  const digest = hash('sha256', text).slice(0, 16);
  // Counted up when connections hold an outdated plan under the name so far.
  let generation = 1;
  let name = `authentify_${digest}_1`;
  const query = async (connection: PostgresConnection, values: readonly unknown[]): Promise<PostgresResult> => {
    try {
      return await connection.query({ name, text, values, rowMode });
    } catch (error) {
      if (!NOT_AS_PREPARED.test(String((error as { code?: unknown }).code))) throw error;
      generation += 1;
      name = `authentify_${digest}_${generation}`;
      return connection.query({ text, values, rowMode });
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
