import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AbstractAuthToken } from 'nestjs-authentify';
import type { DataSource, DataSourceOptions } from 'typeorm';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import type { User } from '../support/users.js';

/** How a database is reached: its isolation, and how many connections an app has. */
export interface Place {
  name: string;
  pool: number;
  /** PostgreSQL's level, for each of its connections. */
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
  /** MariaDB's `innodb_snapshot_isolation`, for each session. */
  snapshotIsolation?: 'OFF' | 'ON';
  /** A file instead of sql.js. */
  file?: true;
}

const PLACES: Record<string, Place[]> = {
  sqljs: [
    { name: 'sql.js', pool: 1 },
    { name: 'a file SQLite', pool: 1, file: true },
  ],
  postgres: [
    { name: 'read committed', pool: 10, isolation: 'read committed' },
    { name: 'repeatable read', pool: 10, isolation: 'repeatable read' },
    { name: 'serializable', pool: 10, isolation: 'serializable' },
    { name: 'a pool of 1', pool: 1, isolation: 'read committed' },
    { name: 'a pool of 2', pool: 2, isolation: 'serializable' },
  ],
  mariadb: [
    { name: 'innodb_snapshot_isolation off', pool: 10, snapshotIsolation: 'OFF' },
    { name: 'innodb_snapshot_isolation on', pool: 10, snapshotIsolation: 'ON' },
    { name: 'a pool of 1', pool: 1, snapshotIsolation: 'OFF' },
    { name: 'a pool of 2', pool: 2, snapshotIsolation: 'ON' },
  ],
};

/** Every way to reach the database this run is about. */
export const places: Place[] = PLACES[DATABASE] ?? [];

/** What the connections of a place are opened with; `directory` holds the file of a file database. */
export async function connectionOf(
  { pool, isolation, file }: Place,
  directory: string,
): Promise<Partial<DataSourceOptions>> {
  if (file) {
    const { libsql: driver } = await import('../support/libsql.js');
    const database = join(directory, 'sessions.sqlite');
    return { type: 'better-sqlite3', driver, database, timeout: 10_000, enableWAL: true } as Partial<DataSourceOptions>;
  }
  if (isolation) {
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`;
    return { extra: { max: pool, options } } as Partial<DataSourceOptions>;
  }
  return (DATABASE === 'mariadb' ? { extra: { connectionLimit: pool } } : {}) as Partial<DataSourceOptions>;
}

/** Starts an app at a place. */
export async function startAt<TToken extends AbstractAuthToken<User> = AbstractAuthToken<User>>(
  place: Place,
  setup: Setup<TToken> = {},
): Promise<TestApp<TToken>> {
  const directory = await mkdtemp(join(tmpdir(), 'authentify-'));
  const removeDirectory = () => rm(directory, { recursive: true });
  try {
    const t = await startApp<TToken>({ ...setup, dataSource: await connectionOf(place, directory) });
    await isolateSessions(t.dataSource, place);
    return { ...t, close: () => t.close().then(removeDirectory) };
  } catch (error) {
    await removeDirectory();
    throw error;
  }
}

/** What the server says of the connection it answers on. */
export async function isolationOf(dataSource: DataSource): Promise<string> {
  if (DATABASE === 'postgres') {
    const [row] = await dataSource.query<{ transaction_isolation: string }[]>('SHOW transaction_isolation');
    return row!.transaction_isolation;
  }
  const [row] = await dataSource.query<{ is_on: number | string }[]>('SELECT @@innodb_snapshot_isolation AS is_on');
  return Number(row!.is_on) === 1 ? 'ON' : 'OFF';
}

/** MariaDB takes the variable from no connection option: set it on all connections of the pool, held at once. */
async function isolateSessions(dataSource: DataSource, { pool, snapshotIsolation }: Place): Promise<void> {
  if (!snapshotIsolation) return;
  const connections = Array.from({ length: pool }, () => dataSource.createQueryRunner());
  await Promise.all(connections.map((connection) => connection.connect()));
  for (const connection of connections) {
    await connection.query(`SET SESSION innodb_snapshot_isolation = ${snapshotIsolation}`);
  }
  await Promise.all(connections.map((connection) => connection.release()));
}
