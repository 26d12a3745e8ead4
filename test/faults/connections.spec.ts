import type { EventEmitter } from 'node:events';
import type { AuthentifyOptions } from 'nestjs-authentify';
import type { DataSourceOptions } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { User } from '../support/users.js';
import { DATABASE, ONE_CONNECTION } from '../support/database.js';
import { startApp, type TestApp } from '../support/app.js';
import { type FaultyApp, IS_SERVER, outcomeOf, startBehindProxy } from './faults.js';

const SIZE = 3;
/** Long enough to make the tables on a busy machine. */
const PATIENCE = 1_000;
/** A statement that is not answered fails in the client. */
const IMPATIENT = (
  DATABASE === 'postgres'
    ? { extra: { max: SIZE, query_timeout: PATIENCE } }
    : { extra: { connectionLimit: SIZE }, enableQueryTimeout: true, maxQueryExecutionTime: PATIENCE }
) as Partial<DataSourceOptions>;

interface Session {
  accessToken: string;
  refreshToken: string | null;
  token: { id: string };
}
type Work = (t: TestApp, session: Session, user: User) => Promise<unknown>;

/** Every connection that the pool may have, at once. */
async function onAllConnections({ dataSource }: TestApp, sql: string): Promise<void> {
  const runners = Array.from({ length: SIZE }, () => dataSource.createQueryRunner());
  for (const runner of runners) await runner.query(sql);
  for (const runner of runners) await runner.release();
}

/** Every way on which a statement reaches the database. */
const WAYS: [way: string, options: AuthentifyOptions<User>, work: Work][] = [
  ['prepared, a look-up', {}, (t, { accessToken }) => t.tokens.verifyToken(accessToken)],
  ['prepared, a rotation', {}, (t, { refreshToken }) => t.tokens.refreshToken(refreshToken!)],
  ['text, a look-up', { preparedStatements: false }, (t, { accessToken }) => t.tokens.verifyToken(accessToken)],
  ['text, a rotation', { preparedStatements: false }, (t, { refreshToken }) => t.tokens.refreshToken(refreshToken!)],
  ['TypeORM, a list', {}, (t, _session, user) => t.tokens.listUserTokens(user)],
  ['TypeORM, an ending', {}, (t, { token }, user) => t.tokens.revokeUserToken(user, token.id)],
  ['TypeORM, a prune', {}, (t) => t.tokens.revokeExpiredTokens()],
];

describe.skipIf(!IS_SERVER).each(WAYS)('connections that fell silent (%s)', (_way, options, work) => {
  let t: FaultyApp;
  afterEach(() => t.close());

  it('R72: are dropped after the first timeout, and the next request has a new one', async () => {
    t = await startBehindProxy({ dataSource: IMPATIENT, options });
    const user = await t.createUser();
    const session = await t.tokens.generateHeaderToken(user);
    await work(t, await t.tokens.generateHeaderToken(user), user);
    await onAllConnections(t, 'SELECT 1');
    t.proxy.silence();

    expect(await outcomeOf(work(t, session, user))).toBe('503');
    expect(await outcomeOf(work(t, session, user))).not.toBe('503');
  });
});

describe.skipIf(!IS_SERVER)('a connection that fell silent in an app’s transaction', () => {
  it('R72: is dropped at once, so that the ROLLBACK does not wait', async () => {
    const t = await startBehindProxy({ dataSource: IMPATIENT });
    const user = await t.createUser();
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const began = performance.now();
    const transaction = t.dataSource.transaction(async (manager) => {
      t.proxy.silence();
      await t.tokens.listUserTokens(user, { manager });
    });
    expect(await outcomeOf(transaction)).toBe('503');

    expect(performance.now() - began).toBeLessThan(2 * PATIENCE);
    expect(await outcomeOf(t.tokens.verifyToken(accessToken))).not.toBe('503');
    await t.close();
  });
});

describe.skipIf(!IS_SERVER)('connections to a server that takes no writes any more', () => {
  const READ_ONLY =
    DATABASE === 'postgres'
      ? 'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'
      : 'SET SESSION TRANSACTION READ ONLY';
  const POOL = { extra: DATABASE === 'postgres' ? { max: SIZE } : { connectionLimit: SIZE } };
  let t: TestApp;
  afterEach(async () => {
    vi.restoreAllMocks();
    await t.close();
  });

  /** All connections of the pool lead to the old primary, as after a failover; new ones lead to the new one. */
  async function failOver(): Promise<void> {
    await onAllConnections(t, READ_ONLY);
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
  }

  const writes = WAYS.filter(([way]) => /rotation|ending/.test(way));
  it.each(writes)('R72: are dropped, and the write is made on a new one (%s)', async (_way, options, work) => {
    t = await startApp({ dataSource: POOL as Partial<DataSourceOptions>, options });
    const user = await t.createUser();
    const session = await t.tokens.generateHeaderToken(user);
    await failOver();
    expect(await outcomeOf(work(t, session, user))).not.toBe('503');
    expect(await outcomeOf(t.tokens.generateHeaderToken(user))).not.toBe('503');
  });

  it('R72: are dropped after the app’s transaction that met one', async () => {
    t = await startApp({ dataSource: { ...ONE_CONNECTION } });
    const user = await t.createUser();
    await t.dataSource.query(READ_ONLY);
    const issue = (): Promise<unknown> =>
      t.dataSource.transaction((manager) => t.tokens.generateHeaderToken(user, { manager }));
    expect(await outcomeOf(issue())).toBe('503');
    expect(await outcomeOf(issue())).not.toBe('503');
  });
});

describe.skipIf(!IS_SERVER)('a connection that dies before its user listens to it', () => {
  interface Pool {
    connect?(done: (error: unknown, connection: EventEmitter, release: (broken: boolean) => void) => void): void;
    getConnection?(done: (error: unknown, connection: EventEmitter & { destroy(): void }) => void): void;
  }

  /** Takes a connection as the app's own code would. */
  function take({ master, pool }: { master?: Pool; pool?: Pool }): Promise<[EventEmitter, drop: () => void]> {
    return new Promise((resolve) => {
      master?.connect?.((_, connection, release) => resolve([connection, () => release(true)]));
      pool?.getConnection?.((_, connection) => resolve([connection, () => connection.destroy()]));
    });
  }

  it.each([{}, { preparedStatements: false }])('R72: ends no process, with %j', async (options) => {
    const t = await startApp({ options });
    try {
      // The one that TypeORM made before the library was there, and a new one.
      const taken = [await take(t.dataSource.driver as object), await take(t.dataSource.driver as object)];
      for (const [connection, drop] of taken) {
        const dies = (): boolean => connection.emit('error', new Error('terminated'));
        expect(dies).not.toThrow();
        expect(dies).not.toThrow();
        drop();
      }
      expect(
        await t.tokens.verifyToken((await t.tokens.generateHeaderToken(await t.createUser())).accessToken),
      ).not.toBe(null);
    } finally {
      await t.close();
    }
  });
});
