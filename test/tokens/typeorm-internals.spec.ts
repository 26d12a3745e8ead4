import { EventEmitter } from 'node:events';
import { Logger, type LoggerService } from '@nestjs/common';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { Connections, drop } from '../../lib/store/drivers/connections.js';
import { SqlComment } from '../../lib/store/drivers/sql-comment.js';
import { prepareStatement } from '../../lib/store/drivers/statement.js';
import { onConnection } from '../../lib/store/drivers/typeorm.js';
import {
  assertCanBeUncached,
  dataSourceOf,
  poolsOf,
  primaryPoolOf,
  sqliteConnectionOf,
} from '../../lib/store/drivers/typeorm-internals.js';
import { createDatabase, DATABASE, ONE_CONNECTION, type TestDatabase } from '../support/database.js';
import { libsql } from '../support/libsql.js';

const HAS_POOL = DATABASE !== 'sqljs';
const SQLITE = { type: 'better-sqlite3', database: ':memory:', driver: libsql } as unknown as DataSourceOptions;

let database: TestDatabase | undefined;
let dataSource: DataSource | undefined;
const warnings: unknown[] = [];

async function connect(options?: Partial<DataSourceOptions>): Promise<DataSource> {
  database = await createDatabase();
  dataSource = await new DataSource({ ...database.options, ...options } as DataSourceOptions).initialize();
  return dataSource;
}

afterEach(async () => {
  Logger.overrideLogger(false);
  await dataSource?.destroy();
  await database?.drop();
  dataSource = database = undefined;
});

function hearWarnings(): void {
  warnings.length = 0;
  const logger: LoggerService = { log() {}, error() {}, warn: (message) => warnings.push(message) };
  Logger.overrideLogger(logger);
}

/** The data source as a version of TypeORM would have it that calls these members of its driver something else. */
function without(original: DataSource, ...members: string[]): DataSource {
  const driver = new Proxy(original.driver, {
    get: (target, name) => {
      if (members.includes(String(name))) return undefined;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return Object.create(original, { driver: { value: driver } }) as DataSource;
}

function answer(from: DataSource): Promise<{ rows: unknown[] }> {
  const comment = new SqlComment(null, from);
  const source = { dataSource: from, metadata: undefined as never, preparedStatements: true, comment };
  return prepareStatement(source, 'SELECT 1 AS "one"')(() => [], undefined);
}

describe.runIf(HAS_POOL)('on a server', () => {
  it('the pools of a data source are where they are looked for', async () => {
    await connect();
    const pools = poolsOf<EventEmitter>(dataSource!);
    expect(pools).toEqual([expect.any(EventEmitter)]);
    expect(primaryPoolOf(dataSource!)).toBe(pools[0]);
    expect(pools[0]).toMatchObject(
      DATABASE === 'postgres'
        ? { totalCount: expect.any(Number) as number }
        : { execute: expect.any(Function) as never },
    );
  });

  it('the pools of replicas are found too', async () => {
    const primary = (await connect()).options as unknown as Record<string, never>;
    await dataSource!.destroy();
    const { host, port, username } = primary;
    const server = { host, port, username, database: primary.database };
    dataSource = await new DataSource({
      ...primary,
      replication: { master: server, slaves: [server] },
    } as unknown as DataSourceOptions).initialize();
    expect(poolsOf<EventEmitter>(dataSource)).toEqual(
      DATABASE === 'postgres' ? [expect.any(EventEmitter), expect.any(EventEmitter)] : [expect.any(EventEmitter)],
    );
  });

  it('statements go as text where there is no pool to be found, and the log says so once', async () => {
    await connect();
    hearWarnings();
    const unknown = without(dataSource!, 'master', 'slaves', 'pool', 'poolCluster');
    for (let time = 0; time < 2; time += 1) {
      Connections.of(unknown).watch();
      expect(await answer(unknown)).toMatchObject({ rows: [[1]] });
    }
    expect(warnings).toEqual([
      expect.stringMatching(
        /does not find the connection pool .+ of typeorm; versions 0\.3\.20 to 1 have it\. Statements are sent as text/,
      ),
    ]);
  });

  it('a connection that was given up does not come back', async () => {
    await connect(ONE_CONNECTION);
    const sql = DATABASE === 'postgres' ? 'SELECT pg_backend_pid() AS id' : 'SELECT CONNECTION_ID() AS id';
    const idOf = (given: unknown) => Number((given as { id: unknown }[])[0]?.id);
    const first = await onConnection(dataSource!, async (queryRunner) => {
      const id = idOf(await queryRunner.query(sql));
      drop((await queryRunner.connect()) as never);
      return id;
    });
    const second = await onConnection(dataSource!, async (queryRunner) => idOf(await queryRunner.query(sql)));
    expect(second).toBeGreaterThan(0);
    expect(second).not.toBe(first);
  });

  it('a comment that TypeORM would send past its connection stops the boot', async () => {
    await connect();
    const queryRunner = dataSource!.createQueryRunner();
    const comment = new SqlComment('NO LOAD BALANCE', dataSource!);
    try {
      const commented = comment.on(queryRunner);
      await dataSource!.createQueryBuilder(queryRunner).select('1').fromDummy().getRawMany();
      expect(() => comment.assertSentBy(commented)).toThrow(
        /sqlComment cannot be sent: .+ of typeorm; .+ does not start with it/,
      );
      await dataSource!.createQueryBuilder(commented).select('1').fromDummy().getRawMany();
      expect(() => comment.assertSentBy(commented)).not.toThrow();
    } finally {
      await queryRunner.release();
    }
  });
});

describe.skipIf(HAS_POOL)('within the process', () => {
  it('the connection of better-sqlite3 is where it is looked for', async () => {
    dataSource = await new DataSource(SQLITE).initialize();
    hearWarnings();
    expect(sqliteConnectionOf(dataSource)).toMatchObject({ prepare: expect.any(Function) as never });
    expect(await answer(dataSource)).toMatchObject({ rows: [[1]] });
    expect(warnings).toEqual([]);
  });

  it('statements go as text where the connection is not to be found, and the log says so once', async () => {
    dataSource = await new DataSource(SQLITE).initialize();
    hearWarnings();
    const unknown = without(dataSource, 'databaseConnection');
    for (let time = 0; time < 2; time += 1) expect(await answer(unknown)).toMatchObject({ rows: [[1]] });
    expect(warnings).toEqual([
      expect.stringMatching(/does not find the connection of better-sqlite3 .+ Statements are sent as text/),
    ]);
  });

  it('a cache that would answer in the place of the database stops the boot', async () => {
    await connect({ cache: { type: 'database' } });
    expect(() => assertCanBeUncached(dataSource!)).not.toThrow();
    // As where TypeORM calls it something else.
    Object.assign(dataSource!, { queryResultCache: undefined });
    expect(() => assertCanBeUncached(dataSource!)).toThrow(
      /dataSource has the option cache: .+ keep revoked sessions alive/,
    );
  });

  it('query runners and managers tell their data source, in every version of TypeORM', async () => {
    await connect();
    const queryRunner = dataSource!.createQueryRunner();
    expect(dataSourceOf(queryRunner)).toBe(dataSource);
    expect(dataSourceOf(queryRunner.manager)).toBe(dataSource);
    await queryRunner.release();
  });
});
