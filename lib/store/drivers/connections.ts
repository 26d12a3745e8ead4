import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { lackOf } from '../../private-part.js';
import { type Fault, faultOf, ownCodeOf } from '../error-codes.js';
import { poolsOf, primaryPoolOf, STORE_PARTS } from './typeorm-internals.js';

/** A connection of `pg`, `mysql2` or `mysql`, as its pool hands it out. */
export interface Connection {
  on(event: 'error', listener: () => void): unknown;
  /** `pg`: once it has ended, its pool does not take it back (`STORE_PARTS.endedClient`). */
  end?(): unknown;
  /** `mysql2` and `mysql`: takes it out of its pool, to which it can be given back nevertheless. */
  destroy?(): void;
}

/** A connection taken from its pool. */
export interface Lease<TConnection extends Connection = Connection> {
  readonly connection: TConnection;
  /** Set where nobody may use the connection again. */
  isBroken: boolean;
  /** Gives the connection back to its pool, or drops it where it is broken. */
  release(): unknown;
  /** Whether an error is the driver's; where left out, all are. Of others the connection knows nothing. */
  isOfDriver?(error: unknown): boolean;
}

interface Pool {
  on?(event: 'connect' | 'connection' | 'acquire', listener: (connection: Connection) => void): unknown;
  on?(event: 'release', listener: (first: unknown, second?: Connection) => void): unknown;
}

/** The times of a connection, by `performance.now()`. */
interface Life {
  madeAt: number;
  takenAt: number;
  /** When it was last given back, and so had answered. */
  returnedAt: number;
}

/** A connection that is younger says how the server is now; older ones may lead to one of before a failover. */
const FRESH_MS = 500;

/** A statement that failed, where its connection tells more than the driver's error. */
export class StatementFailure extends Error {
  /**
   * @param driverError the error as it was thrown.
   * @param fate `unsent`: there was no connection to send it on. `misdirected`: an old connection led to a server that
   * takes no writes, and was dropped with all that are as old; a new one may lead elsewhere.
   */
  constructor(
    readonly driverError: unknown,
    readonly fate: 'unsent' | 'misdirected',
  ) {
    super(fate);
  }
}

/** Why a connection must not be used again. */
export type Verdict = Fault | 'misdirected';

/**
 * The pooled connections of a data source, and which of them can be trusted (R72): once one fell silent, none that has not
 * answered since; once an old one met a server that takes no writes, none that is as old. A server that says so on a fresh
 * connection is believed for a while, so that it need not bear a new connection for every write.
 */
export class Connections {
  static readonly #all = new WeakMap<DataSource, Connections>();
  readonly #lives = new WeakMap<Connection, Life>();
  readonly #isPooled: boolean;
  /** The pool of the primary; `null` until it was looked for. */
  #watched: Pool | undefined | null = null;
  /** Connections that have not answered since then are not trusted. */
  #silentSince = -Infinity;
  /** Nor are those that were made before then. */
  #outdatedBefore = -Infinity;
  #readOnlyUntil = -Infinity;

  private constructor(private readonly dataSource: DataSource) {
    this.#isPooled = /^(postgres|cockroachdb|mysql|mariadb)$/.test(dataSource.options.type);
  }

  static of(dataSource: DataSource): Connections {
    const known = Connections.#all.get(dataSource) ?? new Connections(dataSource);
    Connections.#all.set(dataSource, known);
    return known;
  }

  /**
   * Listens to the connections from when their pool first hands them out: without a listener, one that dies before its
   * user has his own ends the process. A data source that was closed and opened again has other pools.
   */
  watch(): void {
    if (!this.#isPooled) return;
    const primary = primaryPoolOf<Pool>(this.dataSource);
    if (primary === this.#watched) return;
    this.#watched = primary;
    const pools = poolsOf<Pool>(this.dataSource);
    if (pools.length === 0) new Logger(Connections.name).warn(lackOf(STORE_PARTS.pools));
    for (const each of pools) this.#listenTo(each);
  }

  /**
   * Does something on a connection that can be trusted, and judges the connection where that fails.
   *
   * @throws StatementFailure where there is no connection, or an old one led to the wrong server; else what `work` throws.
   */
  async use<TLease extends Lease, T>(checkOut: () => Promise<TLease>, work: (lease: TLease) => Promise<T>): Promise<T> {
    this.watch();
    const lease = await this.#checkOutTrusted(checkOut);
    try {
      return await work(lease);
    } catch (error) {
      if (lease.isOfDriver?.(error) === false) throw error;
      const verdict = this.judge(lease.connection, error);
      if (verdict) lease.isBroken = true;
      throw verdict === 'misdirected' ? new StatementFailure(error, verdict) : error;
    } finally {
      await lease.release();
    }
  }

  /** Why the connection that this error came by must be dropped, if it must; others come into doubt with it. */
  judge(connection: Connection, error: unknown): Verdict | undefined {
    const life = this.#lives.get(connection);
    // What stands in for `pg` without a pool has one connection, which is the database.
    if (!this.#isPooled || !(life || connection.destroy)) return undefined;
    if (ownCodeOf(this.dataSource, error) === undefined)
      this.#silentSince = Math.max(this.#silentSince, life?.takenAt ?? -Infinity);
    const fault = faultOf(this.dataSource, error);
    return fault === 'read-only' ? this.#judgeReadOnly(life) : fault;
  }

  #judgeReadOnly(life: Life | undefined): Verdict | undefined {
    const now = performance.now();
    if (now < this.#readOnlyUntil) return undefined;
    if (now - (life?.madeAt ?? now) <= FRESH_MS) {
      this.#readOnlyUntil = now + FRESH_MS;
      return 'read-only';
    }
    this.#outdatedBefore = now;
    return 'misdirected';
  }

  async #checkOutTrusted<TLease extends Lease>(checkOut: () => Promise<TLease>): Promise<TLease> {
    for (;;) {
      let lease: TLease;
      try {
        lease = await checkOut();
      } catch (error) {
        throw new StatementFailure(error, 'unsent');
      }
      if (this.#isTrusted(lease.connection)) return lease;
      lease.isBroken = true;
      await lease.release();
    }
  }

  #isTrusted(connection: Connection): boolean {
    const life = this.#lives.get(connection);
    return !life || (life.returnedAt >= this.#silentSince && life.madeAt >= this.#outdatedBefore);
  }

  #listenTo(pool: Pool): void {
    const made = (connection: Connection, madeAt = performance.now()): Life => {
      const life = { madeAt, takenAt: madeAt, returnedAt: madeAt };
      this.#lives.set(connection, life);
      connection.on('error', () => {});
      return life;
    };
    pool.on?.('connect', (connection: Connection) => made(connection));
    pool.on?.('connection', (connection: Connection) => made(connection));
    pool.on?.('acquire', (connection: Connection) => {
      // Those that were made before are as old as can be.
      (this.#lives.get(connection) ?? made(connection, -Infinity)).takenAt = performance.now();
    });
    // `pg` tells of an error first.
    pool.on?.('release', (first: unknown, second?: Connection) => {
      const life = this.#lives.get(second ?? (first as Connection));
      if (life) life.returnedAt = performance.now();
    });
  }
}

/** Takes a connection out of its pool; whoever holds it still gives it back. */
export function drop(connection: Connection): void {
  if (connection.destroy) connection.destroy();
  else void connection.end?.();
}
