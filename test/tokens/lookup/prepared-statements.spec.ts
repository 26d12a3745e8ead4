import { afterEach, describe, expect, it } from 'vitest';
import mysql2, { type PoolOptions } from 'mysql2';
import type { DataSourceOptions } from 'typeorm';
import { startApp, type TestApp } from '../../support/app.js';
import { DATABASE } from '../../support/database.js';

const IS_POSTGRES = DATABASE === 'postgres';
/** Statements of a login; the suite's only other ones. */
const LOGIN = 1;
/** So that every statement meets the same connection. */
const ONE_CONNECTION = { extra: IS_POSTGRES ? { max: 1 } : { connectionLimit: 1 } } as Partial<DataSourceOptions>;

let t: TestApp;
afterEach(() => t.close());

async function start(setup: Parameters<typeof startApp>[0] = {}): Promise<string> {
  t = await startApp({ dataSource: ONE_CONNECTION, ...setup });
  return (await t.tokens.generateHeaderToken(await t.createUser())).accessToken;
}

/** The look-ups that the connection has prepared: names on PostgreSQL, a number of executions on MariaDB. */
async function prepared(): Promise<string[]> {
  if (IS_POSTGRES) {
    const sql = `SELECT name FROM pg_prepared_statements WHERE statement LIKE 'SELECT%' ORDER BY name`;
    return (await t.dataSource.query<{ name: string }[]>(sql)).map(({ name }) => name);
  }
  const [row] = await t.dataSource.query<{ Value: string }[]>(`SHOW SESSION STATUS LIKE 'Com_stmt_execute'`);
  return Array.from({ length: Math.max(0, Number(row?.Value) - LOGIN) }, () => 'executed');
}

/** The driver `mysql`, as TypeORM 0.3 takes it: the same without prepared statements. */
function likeMysql(): object {
  return {
    ...mysql2,
    createPool: (options: PoolOptions) => {
      const without = { execute: undefined };
      const pool = mysql2.createPool(options);
      pool.on('connection', (connection) => Object.assign(connection, without));
      return Object.assign(pool, without);
    },
  };
}

describe.skipIf(DATABASE === 'sqljs')('look-ups on a server', () => {
  it('are prepared once per connection', async () => {
    const accessToken = await start();
    await t.tokens.verifyToken(accessToken);
    await t.tokens.verifyToken(accessToken);
    expect(await prepared()).toHaveLength(IS_POSTGRES ? 1 : 2);
  });

  it('are not, where poolers forbid it', async () => {
    const accessToken = await start({ options: { preparedStatements: false } });
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    await expect(prepared()).resolves.toEqual([]);
  });

  it.skipIf(IS_POSTGRES)('are not, where the driver has none', async () => {
    const accessToken = await start({ dataSource: { ...ONE_CONNECTION, driver: likeMysql() } as never });
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    await expect(prepared()).resolves.toEqual([]);
  });

  it('survive a migration of a column they read', async () => {
    const accessToken = await start();
    await t.tokens.verifyToken(accessToken);
    const users = t.dataSource.getMetadata('User').tablePath;
    await t.dataSource.query(
      IS_POSTGRES
        ? `ALTER TABLE ${users} ALTER COLUMN email TYPE text`
        : `ALTER TABLE ${users} MODIFY email text NOT NULL`,
    );
    for (let visit = 0; visit < 2; visit += 1) {
      expect((await t.tokens.verifyToken(accessToken))?.user).toMatchObject({ isActive: true });
    }
    // The first visit found out, the second is prepared anew: nobody pays twice for ever.
    if (IS_POSTGRES) expect(await prepared()).toHaveLength(2);
  });

  it.runIf(IS_POSTGRES)('would fail after a migration under a name that is never given up', async () => {
    await start();
    const { master } = t.dataSource.driver as unknown as { master: { query(query: object): Promise<unknown> } };
    const users = t.dataSource.getMetadata('User').tablePath;
    const naive = () => master.query({ name: 'naive', text: `SELECT email FROM ${users}`, values: [] });
    await naive();
    await t.dataSource.query(`ALTER TABLE ${users} ALTER COLUMN email TYPE text`);
    await expect(naive()).rejects.toThrow('cached plan must not change result type');
  });

  it.runIf(IS_POSTGRES)('go on where a pooler hands over a connection that knows nothing of them', async () => {
    const accessToken = await start();
    await t.tokens.verifyToken(accessToken);
    await t.dataSource.query('DEALLOCATE ALL');
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
  });

  it('R48: are read from the primary, never from a replica', async () => {
    const accessToken = await start({
      dataSource: (own) => {
        const master = own as { host: string; port: number; username: string; database: string };
        // A replica so late that it has no tables yet.
        const replica = { ...master, database: IS_POSTGRES ? 'postgres' : 'mysql' };
        return { replication: { master, slaves: [replica] } } as Partial<DataSourceOptions>;
      },
    });
    await expect(t.dataSource.getRepository(t.tokenEntity).find()).rejects.toThrow(/exist/);
    const verified = await t.tokens.verifyToken(accessToken);
    expect(await t.tokens.listUserTokens(verified!.userId)).toHaveLength(1);
  });
});
