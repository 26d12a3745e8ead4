import type { DataSource, QueryRunner } from 'typeorm';
import { errorCodesOf, type ErrorSource, isInProcess, ownCodeOf } from '../error-codes.js';

/** A connection of `pg`, `mysql2` or `mysql`, as its pool hands it out. */
export interface Connection {
  on(event: 'error', listener: () => void): unknown;
  /** `pg`: once it has ended, its pool does not take it back. */
  end?(): unknown;
  /** `mysql2` and `mysql`: takes it out of its pool. */
  destroy?(): void;
}
interface Pool {
  on?(event: 'connect' | 'connection' | 'acquire', listener: (connection: Connection) => void): unknown;
  on?(event: 'release', listener: (first: unknown, second?: Connection) => void): unknown;
}
/** What is used of TypeORM's drivers, all of it public: their pools. */
interface Pools {
  master?: Pool;
  slaves?: Pool[];
  pool?: Pool;
}

/** What is known of a connection, in the time of `performance.now()`. */
interface Life {
  madeAt: number;
  takenAt: number;
  /** When it was last given back, and so had answered. */
  returnedAt: number;
}

/** Which connections of a data source are not trusted any more. */
interface Doubts {
  /** Those that have not answered since. */
  unheardSince: number;
  /** Those that were made before: they lead to a server that takes no writes any more. */
  madeBefore: number;
  /** Until then a server is believed that it takes no writes: its connections are kept. */
  readOnlyUntil: number;
}

/** A connection that is younger says how the server is now; older ones may lead to one of before a failover. */
const FRESH_MS = 500;

const watched = new WeakSet<Pool>();
const lives = new WeakMap<Connection, Life>();
const doubts = new WeakMap<ErrorSource, Doubts>();
/** Errors by which connections came into doubt. */
const outdated = new WeakSet<object>();

/**
 * Listens to the connections of a data source, from when its pool first hands them out: without a listener, one that
 * dies before its user has his own ends the process (R72).
 */
export function watchConnections({ driver, options: { type } }: DataSource): void {
  if (!isPooled(type)) return;
  const { master, slaves = [], pool } = driver as Pools;
  for (const each of [master, pool, ...slaves]) if (each && !watched.has(each)) watch(each);
}

function watch(pool: Pool): void {
  watched.add(pool);
  const made = (connection: Connection, madeAt = performance.now()): Life => {
    const life = { madeAt, takenAt: madeAt, returnedAt: madeAt };
    lives.set(connection, life);
    connection.on('error', () => {});
    return life;
  };
  pool.on?.('connect', (connection: Connection) => made(connection));
  pool.on?.('connection', (connection: Connection) => made(connection));
  pool.on?.('acquire', (connection: Connection) => {
    // Those that were made before are as old as can be.
    (lives.get(connection) ?? made(connection, -Infinity)).takenAt = performance.now();
  });
  // `pg` tells of an error first.
  pool.on?.('release', (first: unknown, second?: Connection) => {
    const life = lives.get(second ?? (first as Connection));
    if (life) life.returnedAt = performance.now();
  });
}

function isPooled(type: DataSource['options']['type']): boolean {
  return type === 'postgres' || type === 'cockroachdb' || type === 'mysql' || type === 'mariadb';
}

/** What an error says about the connection it came by. */
export type Fault =
  /** The server did not answer, or ends it: whatever is sent next may wait for ever. */
  | 'lost'
  /** It leads to a server that takes no writes. */
  | 'read-only';

/** Whether the connection on which a statement failed is of no more use (R72). */
export function faultOf(source: ErrorSource, error: unknown): Fault | undefined {
  const [code, codes] = [ownCodeOf(source, error), errorCodesOf(source)];
  if (code === undefined) return isInProcess(source) ? undefined : 'lost';
  if (codes.ended.test(code)) return 'lost';
  return codes.readOnly.test(code) ? 'read-only' : undefined;
}

/**
 * Whether a connection must be dropped after this error, and which others are in doubt then: after silence those that
 * have not answered since, after a refusal to write all that are as old. A server that really takes no writes is believed
 * for a while, so that it has not to bear new connections for every write.
 */
export function mustDrop(source: ErrorSource, connection: Connection, error: unknown): boolean {
  const life = lives.get(connection);
  // What stands in for `pg` without a pool has one connection, which is the database.
  if (!isPooled(source.options.type) || !(life || connection.destroy)) return false;
  const fault = faultOf(source, error);
  const known = doubts.get(source) ?? { unheardSince: -Infinity, madeBefore: -Infinity, readOnlyUntil: 0 };
  doubts.set(source, known);
  if (ownCodeOf(source, error) === undefined)
    known.unheardSince = Math.max(known.unheardSince, life?.takenAt ?? -Infinity);
  if (fault !== 'read-only') return fault === 'lost';

  const now = performance.now();
  if (now < known.readOnlyUntil) return false;
  if (now - (life?.madeAt ?? now) > FRESH_MS) {
    known.madeBefore = now;
    outdated.add(Object(error) as object);
  } else known.readOnlyUntil = now + FRESH_MS;
  return true;
}

/** Whether a connection that was just handed out must be dropped instead of used, for what others have shown. */
export function isInDoubt(source: ErrorSource, connection: Connection): boolean {
  const known = doubts.get(source);
  if (!known) return false;
  const life = lives.get(connection);
  return life !== undefined && (life.returnedAt < known.unheardSince || life.madeAt < known.madeBefore);
}

/** Whether a statement was refused on an old connection, as are dropped now: a new one may lead elsewhere. */
export function isOfOldConnection(error: unknown): boolean {
  return outdated.has(Object(error) as object);
}

/** Takes a connection out of its pool; whoever holds it still gives it back. */
export function drop(connection: Connection): void {
  if (connection.destroy) connection.destroy();
  else void connection.end?.();
}

/** Does something on a connection to the primary that TypeORM takes from its pool and gives back. */
export async function onConnection<T>(
  dataSource: DataSource,
  work: (queryRunner: QueryRunner) => Promise<T>,
): Promise<T> {
  const queryRunner = await runnerOf(dataSource);
  try {
    return await work(queryRunner);
  } catch (error) {
    // Of other errors the connection knows nothing, or there is none.
    if (isOfDriver(error)) {
      const connection = (await queryRunner.connect()) as Connection;
      if (mustDrop(dataSource, connection, error)) drop(connection);
    }
    throw error;
  } finally {
    await queryRunner.release();
  }
}

/** Holds a connection that is not in doubt. */
async function runnerOf(dataSource: DataSource): Promise<QueryRunner> {
  watchConnections(dataSource);
  for (;;) {
    const queryRunner = dataSource.createQueryRunner('master');
    try {
      const connection = (await queryRunner.connect()) as Connection;
      if (!isPooled(dataSource.options.type) || !isInDoubt(dataSource, connection)) return queryRunner;
      drop(connection);
    } catch (error) {
      await queryRunner.release();
      throw error;
    }
    await queryRunner.release();
  }
}

/** Whether the driver said so, to TypeORM. */
export function isOfDriver(error: unknown): boolean {
  return 'driverError' in Object(error);
}
