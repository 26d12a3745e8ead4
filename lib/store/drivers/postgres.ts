import { hash, randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { ownCodeOf } from '../error-codes.js';
import { type Connection, isInDoubt, mustDrop, watchConnections } from './connections.js';
import { logged } from './query-log.js';
import type { Row } from './row.js';
import type { Send } from './statement.js';

/** What is used of the drivers, all of it public on TypeORM's: the pool of the primary, or the one connection. */
interface PostgresDriver {
  master: {
    connect(done: (error: unknown, connection: PostgresConnection, release: Release) => void): void;
    totalCount?: number;
  };
}
type Release = (broken?: boolean) => void;
interface PostgresConnection extends Connection {
  query(query: PostgresQuery): Promise<PostgresResult>;
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

/** "Cached plan must not change result type", after `ALTER TABLE`: the statement did not run. */
const OUTDATED_PLAN = '0A000';
/** "No such prepared statement" and "it exists already", of poolers and after `DISCARD ALL`: the statement did not run. */
const NOT_AS_PREPARED = /^(26000|42P05)$/;
/** So many within a minute are not by chance. */
const STRIKES = 3;
const MINUTE_MS = 60_000;

const rowMode = 'array';

/**
 * Not with what stands in for `pg`, such as a database within the process: it takes texts, and may have no pool at all.
 * Nor with `binary`, which `pg` cannot read into arrays.
 */
export function canName({ driver, options }: DataSource): boolean {
  const { binary = false } = (options as { extra?: { binary?: unknown } }).extra ?? {};
  return !binary && (driver as unknown as Partial<PostgresDriver>).master?.totalCount !== undefined;
}

/** Named statements of PostgreSQL. */
export function sendNamed(dataSource: DataSource, sql: string): Send {
  const driver = dataSource.driver as unknown as PostgresDriver;
  const pooler = poolerOf(dataSource);
  // For every answer the driver makes an object of the columns' names, needed or not: one name makes it a small one.
  const statement = new NamedStatement(sql.replaceAll(/ AS "c\d+"/g, ' AS "c"'));
  let watched: unknown;

  return async (values) => {
    const { master } = driver;
    if (master !== watched) {
      watchConnections(dataSource);
      watched = master;
    }
    let { connection, release } = await checkOut(master);
    while (isInDoubt(dataSource, connection)) {
      release(true);
      ({ connection, release } = await checkOut(master));
    }
    let broken = false;
    const query = async (given: readonly unknown[]): Promise<PostgresResult> => {
      const { name, text, unnamed } = statement;
      if (!pooler.canPrepare) return connection.query({ text: unnamed, values: given, rowMode });
      try {
        const result = await connection.query({ name, text, values: given, rowMode });
        statement.worked(name);
        return result;
      } catch (error) {
        const code = ownCodeOf(dataSource, error) ?? '';
        if (code === OUTDATED_PLAN) {
          // Nobody has seen the new text: who refuses it prepares nothing at all.
          if (!statement.renew(name)) pooler.strike(code);
        } else if (NOT_AS_PREPARED.test(code)) {
          // The driver is wrong about what this connection has prepared.
          broken = true;
          pooler.strike(code);
        } else throw error;
        return connection.query({ text: unnamed, values: given, rowMode });
      }
    };
    try {
      const { rows, rowCount } = await logged(dataSource, statement.unnamed, values(), query);
      return { rows, affected: rowCount ?? 0 };
    } catch (error) {
      broken ||= mustDrop(dataSource, connection, error);
      throw error;
    } finally {
      release(broken);
    }
  };
}

function checkOut(pool: PostgresDriver['master']): Promise<{ connection: PostgresConnection; release: Release }> {
  return new Promise((resolve, reject) => {
    pool.connect((error, connection, release) => (error ? reject(error) : resolve({ connection, release })));
  });
}

/** A statement and its name, which are new when connections hold an outdated plan under the ones before. */
class NamedStatement {
  text: string;
  name: string;
  /** Whether it has run as it is; of the first one, which a pooler may know from others, nothing is to be concluded. */
  #hasWorked = true;

  constructor(readonly unnamed: string) {
    this.text = unnamed;
    this.name = nameOf(unnamed);
  }

  worked(name: string): void {
    if (name === this.name) this.#hasWorked = true;
  }

  /**
   * Poolers that prepare for their clients know statements by the text alone, so that is new too.
   *
   * @returns `false` where this one had not run either.
   */
  renew(name: string): boolean {
    // Another connection was first.
    if (name !== this.name) return true;
    const hadWorked = this.#hasWorked;
    this.text = `${this.unnamed} /* ${randomBytes(4).toString('hex')} */`;
    this.name = nameOf(this.text);
    this.#hasWorked = false;
    return hadWorked;
  }
}

function nameOf(text: string): string {
  return `authentify_${hash('sha256', text).slice(0, 16)}`;
}

/** Whether what stands between a data source and PostgreSQL prepares statements. */
class Pooler {
  canPrepare = true;
  #strikes = 0;
  #lastAt = -Infinity;

  strike(code: string): void {
    const now = performance.now();
    this.#strikes = now - this.#lastAt > MINUTE_MS ? 1 : this.#strikes + 1;
    this.#lastAt = now;
    if (this.#strikes < STRIKES || !this.canPrepare) return;
    this.canPrepare = false;
    logger.warn(
      `A connection pooler before PostgreSQL does not keep prepared statements (${code}); from now on they are sent ` +
        'unprepared. Set preparedStatements: false, or max_prepared_statements in PgBouncer 1.21 or later.',
    );
  }
}

const logger = new Logger('AuthentifyModule');
const poolers = new WeakMap<DataSource, Pooler>();

function poolerOf(dataSource: DataSource): Pooler {
  const known = poolers.get(dataSource) ?? new Pooler();
  poolers.set(dataSource, known);
  return known;
}
