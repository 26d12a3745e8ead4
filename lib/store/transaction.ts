import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { runOnce } from './database-errors.js';
import { type Connection, Connections, drop } from './drivers/connections.js';
import type { StatementResult } from './drivers/driver.js';
import { isOfDriver, sendOn } from './drivers/typeorm.js';
import { dataSourceOf } from './drivers/typeorm-internals.js';

/**
 * The app's transaction that a call is part of. All its statements run there, each once: after one that fails, PostgreSQL
 * refuses the rest of the transaction, and MariaDB may have rolled it back.
 */
export class Transaction {
  constructor(
    private readonly dataSource: DataSource,
    private readonly queryRunner: QueryRunner,
  ) {}

  /** Runs one statement. */
  run<T>(statement: (queryRunner: QueryRunner) => Promise<T>): Promise<T> {
    return this.#once(() => statement(this.queryRunner));
  }

  /** Sends a statement that was compiled for the pool. */
  send(sql: string, values: () => readonly unknown[]): Promise<StatementResult> {
    return this.#once(() => sendOn(this.queryRunner, sql, values()));
  }

  #once<T>(statement: () => Promise<T>): Promise<T> {
    return runOnce(this.dataSource, async () => {
      try {
        return await statement();
      } catch (error) {
        if (isOfDriver(error)) await this.#judge(error);
        throw error;
      }
    });
  }

  /** A connection that is lost is dropped at once: the ROLLBACK would wait where the statement waited (R72). */
  async #judge(error: unknown): Promise<void> {
    const connection = (await this.queryRunner.connect()) as Connection;
    const verdict = Connections.of(this.dataSource).judge(connection, error);
    if (verdict === 'lost') drop(connection);
    else if (verdict && this.queryRunner.isTransactionActive) await this.onceOver(() => drop(connection));
  }

  /**
   * Does something once the transaction is over, committed or rolled back; at once where none is under way. What it
   * returns is waited for, on the connection of the transaction: the app has not given it back yet.
   */
  async onceOver(work: () => unknown): Promise<void> {
    if (this.queryRunner.isTransactionActive) endsOf(this.dataSource).add(this.queryRunner, work);
    else await work();
  }
}

/**
 * The transaction of the manager that a call was given; `undefined` where it was given none, or one that belongs to no
 * connection, such as `dataSource.manager`.
 *
 * @throws TypeError for anything but a manager of this data source that can still be used.
 */
export function transactionOf(manager: unknown, dataSource: DataSource): Transaction | undefined {
  if (manager === undefined || manager === null) return undefined;
  if (!isManager(manager)) {
    throw new TypeError('manager must be an EntityManager of TypeORM, such as dataSource.transaction(…) hands out');
  }
  const given = dataSourceOf(manager);
  if (given !== dataSource) {
    throw new TypeError(
      `manager belongs to the data source ${nameOf(given)}, but these sessions are in ${nameOf(dataSource)}; ` +
        "pass a manager of the registration's own data source",
    );
  }
  const { queryRunner } = manager;
  if (!queryRunner) return undefined;
  // TypeORM gives back a connection that dies in a transaction: no mistake of the caller's, but an outage.
  if (queryRunner.isReleased && !queryRunner.isTransactionActive) {
    throw new TypeError('manager belongs to a transaction that is over; await the call before the transaction ends');
  }
  if (queryRunner.getReplicationMode() === 'slave') {
    throw new TypeError("manager reads from a replica; create its query runner with createQueryRunner('master')");
  }
  return new Transaction(dataSource, queryRunner);
}

/** By what it can do: there may be two copies of TypeORM, and packages that hand out proxies. */
function isManager(value: unknown): value is EntityManager {
  const manager = Object(value) as EntityManager;
  return typeof manager.getRepository === 'function' && (dataSourceOf(manager) as DataSource | undefined) !== undefined;
}

function nameOf(dataSource: DataSource | undefined): string {
  const { name = 'default', type } = (dataSource?.options ?? {}) as { name?: string; type?: string };
  return `"${name}" (${type})`;
}

/** Hears from TypeORM when transactions are over, and does what waits for that. */
class TransactionEnds implements EntitySubscriberInterface {
  readonly #waiting = new WeakMap<QueryRunner, (() => unknown)[]>();

  add(queryRunner: QueryRunner, work: () => unknown): void {
    this.#waiting.set(queryRunner, [...(this.#waiting.get(queryRunner) ?? []), work]);
  }

  afterTransactionCommit({ queryRunner }: { queryRunner: QueryRunner }): Promise<void> {
    return this.#over(queryRunner);
  }

  afterTransactionRollback({ queryRunner }: { queryRunner: QueryRunner }): Promise<void> {
    return this.#over(queryRunner);
  }

  async #over(queryRunner: QueryRunner): Promise<void> {
    // A savepoint is over, and the transaction goes on.
    if (queryRunner.isTransactionActive) return;
    const works = this.#waiting.get(queryRunner) ?? [];
    this.#waiting.delete(queryRunner);
    for (const work of works) await work();
  }
}

const ends = new WeakMap<DataSource, TransactionEnds>();

/** Subscribes when first needed: to a data source where nothing ever waits it costs nothing. */
function endsOf(dataSource: DataSource): TransactionEnds {
  const known = ends.get(dataSource) ?? new TransactionEnds();
  ends.set(dataSource, known);
  if (!dataSource.subscribers.includes(known)) dataSource.subscribers.push(known);
  return known;
}
