import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  AbstractLogger,
  DataSource,
  type DataSourceOptions,
  type LogLevel,
  type LogMessage,
  type QueryRunner,
} from 'typeorm';
import { libsql } from './libsql.js';

/** The database this run is about; `vitest.config.ts` runs every suite once for each that answers. */
export const DATABASE = process.env.AUTHENTIFY_TEST_DATABASE ?? 'sqljs';

/** Where PostgreSQL listens; another server than CI's for a run by hand. */
const POSTGRES_PORT = Number(process.env.AUTHENTIFY_TEST_POSTGRES_PORT ?? 5432);
export const PORT = DATABASE === 'mariadb' ? 3306 : POSTGRES_PORT;

/** The server of this run, reached as its administrator. */
const SERVER: DataSourceOptions =
  DATABASE === 'mariadb'
    ? { type: 'mariadb', host: '127.0.0.1', port: PORT, username: 'root' }
    : { type: 'postgres', host: '127.0.0.1', port: PORT, username: 'postgres', database: 'test' };

/** A driver for TypeORM's `better-sqlite3` instead of sql.js, for a run by hand: the name or the path of a package. */
const SQLITE = process.env.AUTHENTIFY_TEST_SQLITE;

/** Options of a data source with a single connection. */
export const ONE_CONNECTION = {
  extra: DATABASE === 'postgres' ? { max: 1 } : { connectionLimit: 1 },
} as Partial<DataSourceOptions>;

/** Counts the statements TypeORM sends, by its own logger. */
export class StatementLog extends AbstractLogger {
  statements: { sql: string; parameters: unknown[]; queryRunner: QueryRunner | undefined }[] = [];

  constructor() {
    super('all');
  }

  /** The statements that a piece of work sends. */
  async during(work: () => Promise<unknown>): Promise<string[]> {
    const before = this.statements.length;
    await work();
    return this.statements.slice(before).map(({ sql }) => sql);
  }

  override logQuery(sql: string, parameters?: unknown[], queryRunner?: QueryRunner): void {
    const statement = { sql, parameters: parameters ?? [], queryRunner };
    // Who looks for secrets in statements finds none in what TypeORM is made of.
    Object.defineProperty(statement, 'queryRunner', { enumerable: false });
    this.statements.push(statement);
  }

  protected writeLog(_level: LogLevel, _message: LogMessage | LogMessage[]): void {
    // Statements are counted, not printed.
  }
}

/** A schema or database of a suite's own, and the data source options that reach it. */
export interface TestDatabase {
  options: DataSourceOptions;
  drop(): Promise<void>;
}

/** Makes a place of its own for a suite's tables; `drop` takes it away again. */
export async function createDatabase(): Promise<TestDatabase> {
  const name = `authentify_${randomBytes(6).toString('hex')}`;
  if (DATABASE === 'postgres') {
    await administer(`CREATE SCHEMA "${name}"`);
    return {
      options: { ...SERVER, schema: name, extra: { max: 10 } } as DataSourceOptions,
      drop: () => administer(`DROP SCHEMA "${name}" CASCADE`),
    };
  }
  if (DATABASE === 'mariadb') {
    await administer(`CREATE DATABASE \`${name}\``);
    return {
      options: { ...SERVER, database: name, extra: { connectionLimit: 10 } } as DataSourceOptions,
      drop: () => administer(`DROP DATABASE \`${name}\``),
    };
  }
  if (SQLITE !== undefined) {
    const driver: unknown = createRequire(import.meta.url)(SQLITE);
    return { options: { type: 'better-sqlite3', driver, database: ':memory:' }, drop: async () => {} };
  }
  return { options: { type: 'sqljs' }, drop: async () => {} };
}

/** As `createDatabase`, for several processes at once: instead of memory, SQLite uses a file. */
export async function createSharedDatabase(): Promise<TestDatabase> {
  if (DATABASE !== 'sqljs') return createDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'authentify-'));
  return {
    options: { type: 'better-sqlite3', driver: libsql, database: join(directory, 'test.db'), enableWAL: true },
    drop: () => rm(directory, { recursive: true }),
  };
}

/**
 * A database of a suite's own with another character set than UTF-8 (utf8mb4); on PostgreSQL with schema `public`. SQLite
 * has no such thing.
 */
export async function createDatabaseIn(charset: string): Promise<TestDatabase> {
  if (DATABASE === 'sqljs') return createDatabase();
  const name = `authentify_${randomBytes(6).toString('hex')}`;
  await administer(
    DATABASE === 'postgres'
      ? `CREATE DATABASE "${name}" ENCODING '${charset}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`
      : `CREATE DATABASE \`${name}\` CHARACTER SET ${charset}`,
  );
  return {
    options: { ...SERVER, ...(DATABASE === 'postgres' && { schema: 'public' }), database: name } as DataSourceOptions,
    drop: () => administer(`DROP DATABASE ${DATABASE === 'postgres' ? `"${name}"` : `\`${name}\``}`),
  };
}

let administration: Promise<DataSource> | undefined;

/** Sends a statement over the connections that all suites of this process make and drop their databases by. */
async function administer(sql: string): Promise<void> {
  // The driver of PostgreSQL keeps a timer for idle connections; some suites count timers.
  const extra = DATABASE === 'postgres' ? { idleTimeoutMillis: 0 } : {};
  administration ??= new DataSource({ ...SERVER, extra } as DataSourceOptions).initialize();
  await (await administration).query(sql);
}
