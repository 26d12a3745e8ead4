import { hash, randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { ownCodeOf } from '../error-codes.js';
import { type Connection, Connections, type Lease } from './connections.js';
import { logged, type Prepare, type Row, type StatementResult } from './driver.js';
import { primaryPoolOf } from './typeorm-internals.js';

/** The used part of the pool of `pg`. */
interface PostgresPool {
  connect(done: (error: unknown, connection: PostgresConnection, release: Release) => void): void;
  totalCount?: number;
}
type Release = (isBroken: boolean) => void;
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
/** So many refusals, each within a minute of the one before, are not by chance. */
const STRIKES = 3;
const MINUTE_MS = 60_000;

const rowMode = 'array';

/** PostgreSQL keeps prepared statements with a connection, by name. */
export const prepareOnPostgres: Prepare = (dataSource, sql) => {
  if (!canName(dataSource)) return undefined;
  const connections = Connections.of(dataSource);
  const statement = new PostgresStatement(dataSource, sql);
  return (values) =>
    connections.use(
      () => checkOut(primaryPoolOf<PostgresPool>(dataSource)!),
      (lease) => statement.send(lease, values()),
    );
};

/**
 * Not with what stands in for `pg`, such as a database within the process: it takes texts, and may have no pool at all.
 * Nor with `binary`, which `pg` cannot read into arrays.
 */
function canName(dataSource: DataSource): boolean {
  const { binary = false } = (dataSource.options as { extra?: { binary?: unknown } }).extra ?? {};
  return !binary && primaryPoolOf<PostgresPool>(dataSource)?.totalCount !== undefined;
}

function checkOut(pool: PostgresPool): Promise<Lease<PostgresConnection>> {
  return new Promise((resolve, reject) => {
    pool.connect((error, connection, giveBack) => {
      if (error) return reject(error);
      const lease = { connection, isBroken: false, release: () => giveBack(lease.isBroken) };
      resolve(lease);
    });
  });
}

/** One statement, sent by name where a connection has it as it is, else as text. */
class PostgresStatement {
  readonly #pooler: PostgresPooler;
  readonly #text: string;
  #named: NamedText;

  constructor(
    private readonly dataSource: DataSource,
    sql: string,
  ) {
    this.#pooler = PostgresPooler.of(dataSource);
    // For every answer the driver makes an object of the columns' names, needed or not: one name makes it a small one.
    this.#text = sql.replaceAll(/ AS "c\d+"/g, ' AS "c"');
    // Whether a pooler knows this text from others cannot be told, so nothing follows from its refusal.
    this.#named = { name: nameOf(this.#text), text: this.#text, hasWorked: true };
  }

  async send(lease: Lease<PostgresConnection>, values: readonly unknown[]): Promise<StatementResult> {
    const { rows, rowCount } = await logged(this.dataSource, this.#text, values, (given) => this.#query(lease, given));
    return { rows, affected: rowCount ?? 0 };
  }

  async #query(lease: Lease<PostgresConnection>, values: readonly unknown[]): Promise<PostgresResult> {
    if (this.#pooler.canPrepare) {
      const named = this.#named;
      try {
        const result = await lease.connection.query({ name: named.name, text: named.text, values, rowMode });
        named.hasWorked = true;
        return result;
      } catch (error) {
        this.#explain(error, named, lease);
      }
    }
    return lease.connection.query({ text: this.#text, values, rowMode });
  }

  /** @throws the error, unless it is about the name alone, and the same text without one will do. */
  #explain(error: unknown, named: NamedText, lease: Lease): void {
    const code = ownCodeOf(this.dataSource, error) ?? '';
    if (code === OUTDATED_PLAN) {
      // Another call may have been first.
      if (named !== this.#named) return;
      // Nobody has seen the new text: who refuses it too prepares nothing at all.
      if (!named.hasWorked) this.#pooler.strike(code);
      this.#named = this.#renamed();
    } else if (NOT_AS_PREPARED.test(code)) {
      // The driver is wrong about what this connection has prepared.
      lease.isBroken = true;
      this.#pooler.strike(code);
    } else throw error;
  }

  /** Poolers that prepare for their clients know statements by the text alone, so that is new too. */
  #renamed(): NamedText {
    const text = `${this.#text} /* ${randomBytes(4).toString('hex')} */`;
    return { name: nameOf(text), text, hasWorked: false };
  }
}

/** A statement's name on the server, and its text there: both new when connections hold an outdated plan. */
interface NamedText {
  readonly name: string;
  readonly text: string;
  hasWorked: boolean;
}

function nameOf(text: string): string {
  return `authentify_${hash('sha256', text).slice(0, 16)}`;
}

/** A pooler that may stand between a data source and PostgreSQL, and may not keep prepared statements. */
class PostgresPooler {
  static readonly #all = new WeakMap<DataSource, PostgresPooler>();
  readonly #logger = new Logger(PostgresPooler.name);
  canPrepare = true;
  #strikes = 0;
  #lastAt = -Infinity;

  static of(dataSource: DataSource): PostgresPooler {
    const known = PostgresPooler.#all.get(dataSource) ?? new PostgresPooler();
    PostgresPooler.#all.set(dataSource, known);
    return known;
  }

  strike(code: string): void {
    const now = performance.now();
    this.#strikes = now - this.#lastAt > MINUTE_MS ? 1 : this.#strikes + 1;
    this.#lastAt = now;
    if (this.#strikes < STRIKES || !this.canPrepare) return;
    this.canPrepare = false;
    this.#logger.warn(
      `A connection pooler before PostgreSQL does not keep prepared statements (${code}); from now on they are sent ` +
        'unprepared. Set preparedStatements: false, or max_prepared_statements in PgBouncer 1.21 or later.',
    );
  }
}
