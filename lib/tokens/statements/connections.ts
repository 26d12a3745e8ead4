import type { DataSource, QueryRunner } from 'typeorm';
import { type ErrorSource, errorCodesOf, ownCodeOf } from '../error-codes.js';

/** A connection of `pg`, `mysql2` or `mysql`, as its pool hands it out. */
export interface Connection {
  on(event: 'error', listener: () => void): unknown;
  /** `pg`: once it has ended, its pool does not take it back. */
  end?(): unknown;
  /** `mysql2` and `mysql`: takes it out of its pool. */
  destroy?(): void;
}
interface Pool {
  on?(event: string, listener: (connection: Connection) => void): unknown;
}
/** What is used of TypeORM's drivers, all of it public: their pools. */
interface Pools {
  master?: Pool;
  slaves?: Pool[];
  pool?: Pool;
}

/** A connection that is younger says how the server is now; older ones may lead to one of before a failover. */
const FRESH_MS = 500;

const watched = new WeakSet<Pool>();
const madeAt = new WeakMap<object, number>();
/** Errors of connections that are older. */
const outdated = new WeakSet<object>();
/** Until when a server is believed that it takes no writes: its connections are kept. */
const readOnlyUntil = new WeakMap<ErrorSource, number>();

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
  const made = (connection: Connection): void => {
    madeAt.set(connection, performance.now());
    connection.on('error', () => {});
  };
  pool.on?.('connect', made);
  pool.on?.('connection', made);
  // Those that were made before.
  pool.on?.('acquire', (connection) => {
    if (madeAt.has(connection)) return;
    made(connection);
    madeAt.set(connection, -Infinity);
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
  if (code === undefined || codes.ended.test(code)) return 'lost';
  return codes.readOnly.test(code) ? 'read-only' : undefined;
}

/**
 * Whether a connection must be dropped after this error. A server that really takes no writes is believed for a while,
 * so that it has not to bear a new connection for every write.
 */
export function mustDrop(source: ErrorSource, connection: Connection, error: unknown): boolean {
  // What stands in for `pg` without a pool has one connection, which is the database.
  const isOfPool = isPooled(source.options.type) && (madeAt.has(connection) || connection.destroy !== undefined);
  const fault = isOfPool ? faultOf(source, error) : undefined;
  if (fault !== 'read-only') return fault === 'lost';
  const now = performance.now();
  if (now < (readOnlyUntil.get(source) ?? 0)) return false;
  if (now - (madeAt.get(connection) ?? now) > FRESH_MS) outdated.add(Object(error) as object);
  else readOnlyUntil.set(source, now + FRESH_MS);
  return true;
}

/** Whether a statement was refused on an old connection, which is dropped now: another one may lead elsewhere. */
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
  watchConnections(dataSource);
  const queryRunner = dataSource.createQueryRunner('master');
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

/** Whether the driver said so, to TypeORM. */
export function isOfDriver(error: unknown): boolean {
  return 'driverError' in Object(error);
}
