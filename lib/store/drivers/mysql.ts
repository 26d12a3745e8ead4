import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { ownCodeOf } from '../error-codes.js';
import { type Connection, Connections, drop, type Lease } from './connections.js';
import { logged, type Prepare, type Row, type StatementResult } from './driver.js';
import { primaryPoolOf } from './typeorm-internals.js';

/** The used part of the pool of `mysql2`. */
interface MysqlPool {
  getConnection(done: Callback<MysqlConnection>): void;
  execute?: unknown;
}
interface MysqlConnection extends Connection {
  execute(query: MysqlQuery, done: Callback<MysqlResult>): void;
  query(query: MysqlQuery, done: Callback<MysqlResult>): void;
  release(): void;
}
interface MysqlQuery {
  sql: string;
  values: readonly unknown[];
  rowsAsArray: true;
}
type MysqlResult = Row[] | { affectedRows: number };
type Callback<T> = (error: unknown, result: T) => void;

/**
 * `max_prepared_stmt_count` is reached, or the server or a proxy prepares nothing, has forgotten what it prepared, or
 * cannot prepare it again: the statement did not run.
 */
const NOT_PREPARED = /^(1243|1295|1461|1615)$/;

/** MySQL and MariaDB keep prepared statements with a connection, and the driver executes them there. */
export const prepareOnMysql: Prepare = (dataSource, sql) => {
  if (!canExecute(dataSource)) return undefined;
  const connections = Connections.of(dataSource);
  const statement = new MysqlStatement(dataSource, sql);
  return (values) =>
    connections.use(
      () => checkOut(primaryPoolOf<MysqlPool>(dataSource)!),
      ({ connection }) => statement.send(connection, values()),
    );
};

/**
 * Not with replicas, which are a cluster of pools, and not with the driver `mysql`, which prepares nothing. Nor with a
 * `typeCast` of the app's, which was written for text: answers to prepared statements are binary.
 */
function canExecute(dataSource: DataSource): boolean {
  const { typeCast = true } = (dataSource.options as { extra?: { typeCast?: unknown } }).extra ?? {};
  return typeCast === true && primaryPoolOf<MysqlPool>(dataSource)?.execute !== undefined;
}

async function checkOut(pool: MysqlPool): Promise<Lease<MysqlConnection>> {
  const connection = await promised<MysqlConnection>((done) => pool.getConnection(done));
  const release = (): void => {
    if (lease.isBroken) drop(connection);
    connection.release();
  };
  const lease = { connection, isBroken: false, release };
  return lease;
}

/** One statement, sent as text on connections that cannot prepare it. */
class MysqlStatement {
  static readonly #warned = new WeakSet<DataSource>();
  readonly #logger = new Logger(MysqlStatement.name);
  readonly #unprepared = new WeakSet<MysqlConnection>();
  readonly #timeout: number | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly sql: string,
  ) {
    this.#timeout = timeoutOf(dataSource);
  }

  async send(connection: MysqlConnection, values: readonly unknown[]): Promise<StatementResult> {
    const result = await logged(this.dataSource, this.sql, values, (given) => this.#answer(connection, given));
    return Array.isArray(result) ? { rows: result, affected: 0 } : { rows: [], affected: result.affectedRows };
  }

  #answer(connection: MysqlConnection, values: readonly unknown[]): Promise<MysqlResult> {
    const answer = this.#execute(connection, { sql: this.sql, values, rowsAsArray: true });
    return this.#timeout ? within(this.#timeout, answer) : answer;
  }

  async #execute(connection: MysqlConnection, query: MysqlQuery): Promise<MysqlResult> {
    if (!this.#unprepared.has(connection)) {
      try {
        return await promised((done) => connection.execute(query, done));
      } catch (error) {
        const code = ownCodeOf(this.dataSource, error) ?? '';
        if (!NOT_PREPARED.test(code)) throw error;
        this.#unprepared.add(connection);
        this.#warn(code);
      }
    }
    return promised((done) => connection.query(query, done));
  }

  /** Once for each data source: the reason is the same for all its statements. */
  #warn(code: string): void {
    if (MysqlStatement.#warned.has(this.dataSource)) return;
    MysqlStatement.#warned.add(this.dataSource);
    this.#logger.warn(
      `The database does not prepare a statement (${code}); connections that cannot send it as text. Raise ` +
        'max_prepared_stmt_count, or set preparedStatements: false.',
    );
  }
}

/** The driver's own timeout does not run while a statement is prepared. */
async function within<T>(timeout: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error('Query inactivity timeout'), { code: 'PROTOCOL_SEQUENCE_TIMEOUT' });
    timer = setTimeout(() => reject(error), timeout);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}

/** As TypeORM has it for its own queries. */
function timeoutOf({ options }: DataSource): number | undefined {
  const { enableQueryTimeout, maxQueryExecutionTime } = options as typeof options & { enableQueryTimeout?: boolean };
  return enableQueryTimeout ? maxQueryExecutionTime : undefined;
}

/** The driver's own promises make an error with a stack for every call, just in case. */
function promised<T>(call: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => (error ? reject(error) : resolve(result)));
  });
}
