import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AuthentifyEvent,
  AuthentifyEvents,
  AuthentifyUnavailableError,
  AuthentifyUserNotFoundError,
  type IssuedTokens,
  SessionWatcher,
} from 'nestjs-authentify';
import { DataSource, type DataSourceOptions, type EntityManager } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { DATABASE, ONE_CONNECTION } from '../support/database.js';
import { libsql } from '../support/libsql.js';
import { User } from '../support/users.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** SQLite has one connection: there is no other that could see less. */
const HAS_POOL = DATABASE !== 'sqljs';

const POOLS: [string, Partial<DataSourceOptions>][] = [
  ['a pool', {}],
  ['a pool of one', ONE_CONNECTION],
  ...(HAS_POOL ? [] : [['a file', { type: 'better-sqlite3', driver: libsql }] as [string, Partial<DataSourceOptions>]]),
];

const isOver = async (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);
const rolledBack = new Error('the app changed its mind');

/** A call, and whether its effect is there for everybody. */
interface Call {
  prepare?: (t: TestApp, user: User) => Promise<IssuedTokens>;
  run: (t: TestApp, manager: EntityManager, user: User, before: IssuedTokens) => Promise<unknown>;
  holds: (t: TestApp, result: never, before: IssuedTokens) => Promise<boolean>;
}

const login = (t: TestApp, user: User): Promise<IssuedTokens> => t.tokens.generateHeaderToken(user);
const loginLongAgo = (t: TestApp, user: User): Promise<IssuedTokens> => {
  vi.setSystemTime(Date.now() - 30 * DAY);
  return login(t, user).finally(() => vi.setSystemTime(Date.now() + 30 * DAY));
};
const isGone = async (t: TestApp, _: unknown, { token }: IssuedTokens): Promise<boolean> =>
  (await t.rows()).every(({ id }) => id !== token.id);
const isGood = async (t: TestApp, { accessToken }: IssuedTokens): Promise<boolean> =>
  (await t.tokens.verifyToken(accessToken)) !== null;

const WRITES: Record<string, Call> = {
  generateHeaderToken: {
    run: (t, manager, user) => t.tokens.generateHeaderToken(user, { manager, context: { device: 'phone' } }),
    holds: isGood,
  },
  generateCookieToken: { run: (t, manager, user) => t.tokens.generateCookieToken(user, { manager }), holds: isGood },
  refreshToken: {
    prepare: login,
    run: (t, manager, _, { refreshToken }) => t.tokens.refreshToken(refreshToken!, { manager }),
    holds: async (t, result: never, before) => (await isGood(t, result)) && !(await isGood(t, before)),
  },
  revokeToken: {
    prepare: login,
    run: (t, manager, _, { token }) => t.tokens.revokeToken(token, { manager }),
    holds: isGone,
  },
  revokeAllUserTokens: {
    prepare: login,
    run: (t, manager, user) => t.tokens.revokeAllUserTokens(user, { manager }),
    holds: isGone,
  },
  revokeUserToken: {
    prepare: login,
    run: (t, manager, user, { token }) => t.tokens.revokeUserToken(user, token.id, { manager }),
    holds: isGone,
  },
  revokeAllExpiredUserTokens: {
    prepare: loginLongAgo,
    run: (t, manager, user) => t.tokens.revokeAllExpiredUserTokens(user, { manager }),
    holds: isGone,
  },
  revokeExpiredTokens: {
    prepare: loginLongAgo,
    run: (t, manager) => t.tokens.revokeExpiredTokens({ manager }),
    holds: isGone,
  },
};

describe('a call with { manager }', () => {
  const apps: TestApp[] = [];
  const start = async (setup: Setup = {}): Promise<TestApp> => {
    const t = await startApp(setup);
    apps.unshift(t);
    return t;
  };
  afterEach(async () => {
    for (const t of apps.splice(0)) await t.close();
  });
  const told = (t: TestApp): AuthentifyEvent[] => {
    const events: AuthentifyEvent[] = [];
    t.app.get(AuthentifyEvents).subscribe((event) => events.push(event));
    return events;
  };

  describe.each(POOLS)('on %s', (pool, dataSource) => {
    let t: TestApp;
    let directory: string;
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'authentify-'));
      const file = pool === 'a file' ? { database: join(directory, 'test.db') } : {};
      t = await startApp({
        dataSource: { ...dataSource, ...file } as Partial<DataSourceOptions>,
        options: { tokenTtl: '1h', refreshTokenTtl: '7d' },
      });
    });
    afterAll(async () => {
      await t.close();
      await rm(directory, { recursive: true });
    });

    it.each(
      Object.keys(WRITES).flatMap((name) => [
        [name, 'commit'],
        [name, 'rollback'],
      ]),
    )('R78: %s is part of the transaction: %s', async (name, end) => {
      vi.useFakeTimers({ toFake: ['Date'] });
      const { prepare, run, holds } = WRITES[name!]!;
      const user = await t.createUser();
      const before = prepare ? await prepare(t, user) : ({} as IssuedTokens);
      let result: unknown;
      const transaction = t.dataSource.transaction(async (manager) => {
        const first = t.statements.statements.length;
        result = await run(t, manager, user, before);
        const sent = t.statements.statements.slice(first);
        expect(sent.length).toBeGreaterThan(0);
        expect(sent.filter(({ queryRunner }) => queryRunner !== manager.queryRunner)).toEqual([]);
        if (pool === 'a pool' && HAS_POOL) expect(await holds(t, result as never, before)).toBe(false);
        if (end === 'rollback') throw rolledBack;
      });
      expect(await isOver(transaction)).toBe(end === 'rollback' ? rolledBack : undefined);
      expect(await holds(t, result as never, before)).toBe(end === 'commit');
    });

    it('sees what the transaction did: verifyToken, listUserTokens, refreshToken', async () => {
      const issued: IssuedTokens[] = [];
      await isOver(
        t.dataSource.transaction(async (manager) => {
          const user = await manager.save(User, manager.create(User, { email: 'new@example.com' }));
          const first = await t.tokens.generateHeaderToken(user, { manager });
          const token = await t.tokens.verifyToken(first.accessToken, 'header', { manager });
          expect(token).toMatchObject({ id: first.token.id, user: { id: user.id, email: 'new@example.com' } });
          expect(await t.tokens.listUserTokens(user, { manager })).toHaveLength(1);
          const second = await t.tokens.refreshToken(first.refreshToken!, { manager });
          expect(await t.tokens.verifyToken(first.accessToken, undefined, { manager })).toBeNull();
          issued.push(first, second!);
          throw rolledBack;
        }),
      );
      expect(issued).toHaveLength(2);
      for (const { accessToken, refreshToken } of issued) {
        expect(await t.tokens.verifyToken(accessToken)).toBeNull();
        expect(await t.tokens.refreshToken(refreshToken!)).toBeNull();
      }
    });

    it('a refresh that is rolled back leaves the old pair as good as it was, and the new one is dead', async () => {
      const old = await login(t, await t.createUser());
      let next: IssuedTokens | null = null;
      await isOver(
        t.dataSource.transaction(async (manager) => {
          next = await t.tokens.refreshToken(old.refreshToken!, { manager });
          throw rolledBack;
        }),
      );
      expect(await isGood(t, next!)).toBe(false);
      expect(await isGood(t, old)).toBe(true);
      expect(await t.tokens.refreshToken(old.refreshToken!)).not.toBeNull();
    });

    it('a savepoint that is rolled back takes its own call along, and no other', async () => {
      const user = await t.createUser();
      await t.dataSource.transaction(async (outer) => {
        await t.tokens.generateHeaderToken(user, { manager: outer, context: { in: 'outer' } });
        await isOver(
          outer.transaction(async (inner) => {
            await t.tokens.generateHeaderToken(user, { manager: inner, context: { in: 'inner' } });
            expect(await t.tokens.listUserTokens(user, { manager: inner })).toHaveLength(2);
            throw rolledBack;
          }),
        );
      });
      const sessions = await t.tokens.listUserTokens(user);
      expect(sessions.map(({ context }) => context)).toMatchObject([{ in: 'outer' }]);
    });

    it.each(['commit', 'rollback', 'rollback of a savepoint'])(
      'R31: a refresh token that comes back ends the session, whatever becomes of the transaction: %s',
      async (end) => {
        vi.useFakeTimers({ toFake: ['Date'] });
        const events = told(t);
        const first = await login(t, await t.createUser());
        const second = await t.tokens.refreshToken(first.refreshToken!);
        vi.setSystemTime(Date.now() + MINUTE);
        const present = async (manager: EntityManager): Promise<void> => {
          expect(await t.tokens.refreshToken(first.refreshToken!, { manager })).toBeNull();
          expect(await t.tokens.verifyToken(second!.accessToken, undefined, { manager })).toBeNull();
          if (end !== 'commit') throw rolledBack;
        };
        await isOver(
          t.dataSource.transaction(async (manager) => {
            if (end === 'rollback of a savepoint') await isOver(manager.transaction(present));
            else await present(manager);
          }),
        );
        // By now, and not only soon.
        expect(await t.rows()).not.toContainEqual(expect.objectContaining({ id: first.token.id }));
        const reuse = events.filter(({ type }) => type === 'reuse-detected');
        expect(reuse).toEqual([expect.objectContaining({ sessionId: first.token.id })]);
        expect(reuse[0]).not.toHaveProperty('inTransaction');
      },
    );
  });

  it('runs in a transaction of any isolation level, and of a query runner of one’s own', async () => {
    const t = await start({ options: { enforceSingleLogin: true } });
    const user = await t.createUser();
    const levels = HAS_POOL
      ? (['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const)
      : (['SERIALIZABLE'] as const);
    for (const level of levels) {
      const { accessToken } = await t.dataSource.transaction(level, (manager) =>
        t.tokens.generateHeaderToken(user, { manager }),
      );
      expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    }
    const queryRunner = t.dataSource.createQueryRunner();
    await queryRunner.startTransaction();
    const { accessToken } = await t.tokens.generateHeaderToken(user, { manager: queryRunner.manager });
    await queryRunner.commitTransaction();
    // Its connection goes on without one.
    expect(await t.tokens.verifyToken(accessToken, 'header', { manager: queryRunner.manager })).not.toBeNull();
    await queryRunner.release();
    expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
  });

  it('takes undefined, null and the manager of no connection for none', async () => {
    const t = await start();
    const user = await t.createUser();
    for (const manager of [undefined, null, t.dataSource.manager]) {
      const { accessToken, token } = await t.tokens.generateHeaderToken(user, { manager });
      expect(await t.tokens.verifyToken(accessToken, undefined, { manager })).not.toBeNull();
      expect(await t.tokens.revokeToken(token, { manager })).toBe(1);
    }
  });

  // MySQL's drivers tell of it with the next statement, where it is the same as without a transaction.
  it.runIf(DATABASE === 'postgres')('is 503 where the connection of a transaction died', async () => {
    const t = await start();
    const user = await t.createUser();
    const failure = await isOver(
      t.dataSource.transaction(async (manager) => {
        await t.tokens.generateHeaderToken(user, { manager });
        const died = new Promise(
          (resolve) => void manager.queryRunner!.connect().then((one) => one.once('end', resolve)),
        );
        const [{ pid }] = await manager.query<[{ pid: number }]>('SELECT pg_backend_pid() AS pid');
        await t.dataSource.query('SELECT pg_terminate_backend($1)', [pid]);
        await died;
        await t.tokens.generateHeaderToken(user, { manager });
      }),
    );
    expect(failure).toBeInstanceOf(AuthentifyUnavailableError);
    expect(await t.tokens.listUserTokens(user)).toEqual([]);
  });

  it('refuses what is no manager of this data source, before any SQL', async () => {
    const t = await start();
    const user = await t.createUser();
    const { accessToken, refreshToken, token } = await login(t, user);
    const other = new DataSource({ type: 'sqljs', entities: [User] });
    const replica = t.dataSource.createQueryRunner('slave');
    const over = t.dataSource.createQueryRunner();
    if (HAS_POOL) await over.release();
    const wrong: [unknown, RegExp][] = [
      [other.manager, /belongs to the data source "default" \(sqljs\), but these sessions are in "default"/],
      [t.dataSource, /must be an EntityManager/],
      [t.dataSource.getRepository(User), /must be an EntityManager/],
      [{}, /must be an EntityManager/],
      ['manager', /must be an EntityManager/],
    ];
    if (HAS_POOL) wrong.push([replica.manager, /a replica/], [over.manager, /is over/]);
    for (const [given, message] of wrong) {
      const manager = given as EntityManager;
      const calls = [
        () => t.tokens.generateHeaderToken(user, { manager }),
        () => t.tokens.generateCookieToken(user, { manager }),
        () => t.tokens.verifyToken(accessToken, undefined, { manager }),
        () => t.tokens.refreshToken(refreshToken!, { manager }),
        () => t.tokens.revokeToken(token, { manager }),
        () => t.tokens.revokeAllUserTokens(user, { manager }),
        () => t.tokens.revokeAllExpiredUserTokens(user, { manager }),
        () => t.tokens.revokeExpiredTokens({ manager }),
        () => t.tokens.listUserTokens(user, { manager }),
        () => t.tokens.revokeUserToken(user, token.id, { manager }),
      ];
      const statements = await t.statements.during(async () => {
        for (const call of calls) {
          const error = await isOver(call());
          expect(error, String(call)).toBeInstanceOf(TypeError);
          expect((error as Error).message).toMatch(message);
        }
      });
      expect(statements).toEqual([]);
    }
    await replica.release();
  });

  it('is no transport, and no option by itself', async () => {
    const t = await start();
    const { accessToken, token } = await login(t, await t.createUser());
    const { manager } = t.dataSource;
    await expect(t.tokens.verifyToken(accessToken, { manager } as never)).rejects.toThrow(
      /options are the third argument/,
    );
    await expect(t.tokens.revokeToken(token, manager as never)).rejects.toThrow(TypeError);
    await expect(t.tokens.revokeToken(token, { manger: manager } as never)).rejects.toThrow(/"manger".*manager/);
  });

  it('told by events when the call returns, marked where it may be rolled back', async () => {
    const t = await start();
    const user = await t.createUser();
    const events = told(t);
    const { token } = await t.dataSource.transaction(async (manager) => {
      const issued = await t.tokens.generateHeaderToken(user, { manager });
      expect(events.map(({ type }) => type)).toEqual(['issued']);
      await t.tokens.revokeToken(issued.token, { manager });
      return issued;
    });
    expect(events).toMatchObject([
      { type: 'issued', sessionId: token.id, inTransaction: true },
      { type: 'revoked', sessionId: token.id, inTransaction: true },
    ]);
    await login(t, user);
    expect(events[2]).not.toHaveProperty('inTransaction');
  });

  it.each([
    [
      'one session',
      (t: TestApp, manager: EntityManager, { token }: IssuedTokens) => t.tokens.revokeToken(token, { manager }),
    ],
    [
      'all of a user’s',
      (t: TestApp, manager: EntityManager, { token }: IssuedTokens) =>
        t.tokens.revokeAllUserTokens(token.userId, { manager }),
    ],
  ])('ends what is open with the commit, and not with a rollback: %s', async (_, end) => {
    const t = await start();
    const issued = await login(t, await t.createUser());
    const watcher = t.app.get(SessionWatcher);
    const reasons: string[] = [];
    const over = new Promise<void>((resolve) => {
      watcher.ended(issued.token).subscribe({ next: (reason) => reasons.push(reason), complete: resolve });
    });
    await watcher.check(issued.token);
    await isOver(
      t.dataSource.transaction(async (manager) => {
        await end(t, manager, issued);
        if (HAS_POOL) await watcher.check(issued.token);
        throw rolledBack;
      }),
    );
    await watcher.check(issued.token);
    expect(reasons).toEqual([]);
    await t.dataSource.transaction((manager) => end(t, manager, issued));
    await over;
    expect(reasons).toEqual(['revoked']);
  });

  it('keeps the limit of sessions within the transaction', async () => {
    const t = await start({ options: { maxSessionsPerUser: 2 }, dataSource: ONE_CONNECTION });
    const user = await t.createUser();
    const [first, second] = [await login(t, user), await login(t, user)];
    await isOver(
      t.dataSource.transaction(async (manager) => {
        await t.tokens.generateHeaderToken(user, { manager });
        expect(await t.tokens.listUserTokens(user, { manager })).toHaveLength(2);
        throw rolledBack;
      }),
    );
    expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toEqual([second.token.id, first.token.id]);
    const third = await t.dataSource.transaction((manager) => t.tokens.generateHeaderToken(user, { manager }));
    expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toEqual([third.token.id, second.token.id]);
  });

  it.runIf(HAS_POOL)(
    'two transactions that log one user in do not see each other; the next login sees both',
    async () => {
      const t = await start({ options: { enforceSingleLogin: true } });
      const user = await t.createUser();
      let arrived = 0;
      let proceed = (): void => {};
      const bothAreIn = new Promise<void>((resolve) => {
        proceed = resolve;
      });
      const one = (): Promise<IssuedTokens> =>
        t.dataSource.transaction(async (manager) => {
          const issued = await t.tokens.generateHeaderToken(user, { manager });
          arrived += 1;
          if (arrived === 2) proceed();
          await bothAreIn;
          return issued;
        });
      await Promise.all([one(), one()]);
      expect(await t.tokens.listUserTokens(user)).toHaveLength(2);
      await login(t, user);
      expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
    },
  );

  it.runIf(HAS_POOL)('R45: transactions that lock the user first leave one session', async () => {
    const t = await start({ options: { enforceSingleLogin: true } });
    const user = await t.createUser();
    const one = (): Promise<IssuedTokens> =>
      t.dataSource.transaction(async (manager) => {
        await manager.findOneOrFail(User, { where: { id: user.id }, lock: { mode: 'pessimistic_write' } });
        return t.tokens.generateHeaderToken(user, { manager });
      });
    await Promise.all(Array.from({ length: 6 }, one));
    expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
  });

  it.runIf(HAS_POOL)('nothing is retried; the cause tells whether to run the transaction again', async () => {
    const t = await start();
    const user = await t.createUser();
    const [one, two] = [await login(t, user), await login(t, user)];
    let waiting = 0;
    let proceed = (): void => {};
    const bothHoldOne = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const crossing = ([first, second]: [IssuedTokens, IssuedTokens]): Promise<unknown> =>
      t.dataSource.transaction(async (manager) => {
        await t.tokens.revokeToken(first.token, { manager });
        waiting += 1;
        if (waiting === 2) proceed();
        await bothHoldOne;
        await t.tokens.revokeToken(second.token, { manager });
      });
    const deletes = (
      await t.statements.during(async () => {
        const outcomes = await Promise.allSettled([crossing([one, two]), crossing([two, one])]);
        const failed = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
        expect(failed).toHaveLength(1);
        expect(failed[0]!.reason).toBeInstanceOf(AuthentifyUnavailableError);
        const codes =
          DATABASE === 'postgres' ? { code: '40P01' } : { code: 'ER_LOCK_DEADLOCK', errno: 1213, sqlState: '40001' };
        expect((failed[0]!.reason as Error).cause).toMatchObject(codes);
      })
    ).filter((sql) => sql.startsWith('DELETE'));
    expect(deletes).toHaveLength(4);
    expect(await t.tokens.listUserTokens(user)).toEqual([]);
  });

  it.runIf(HAS_POOL)('a snapshot older than the token takes nobody’s current token for an old one', async () => {
    const t = await start();
    const first = await login(t, await t.createUser());
    let second: IssuedTokens | null = null;
    const outcome = await isOver(
      t.dataSource.transaction('REPEATABLE READ', async (manager) => {
        await t.tokens.listUserTokens(first.token.userId, { manager });
        second = await t.tokens.refreshToken(first.refreshToken!);
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * MINUTE });
        return t.tokens.refreshToken(second!.refreshToken!, { manager });
      }),
    );
    expect(outcome).toBeInstanceOf(AuthentifyUnavailableError);
    expect(await t.tokens.refreshToken(second!.refreshToken!)).not.toBeNull();
  });

  it.runIf(DATABASE === 'postgres')(
    'left out, a login of a user whom nobody else sees yet says what to pass',
    async () => {
      const t = await start();
      const error = await isOver(
        t.dataSource.transaction(async (manager) => {
          const user = await manager.save(User, manager.create(User, { email: 'new@example.com' }));
          await t.tokens.generateHeaderToken(user);
        }),
      );
      expect(error).toBeInstanceOf(AuthentifyUserNotFoundError);
      expect((error as Error).message).toContain('pass its manager: { manager }');
    },
  );

  it.runIf(DATABASE === 'mariadb')('left out, a login that waits for its own caller says what to pass', async () => {
    const t = await start();
    t.app.useLogger(false);
    const { pool } = t.dataSource.driver as unknown as {
      pool: { on(event: 'acquire', heard: (connection: { query(sql: string): void }) => void): void };
    };
    pool.on('acquire', (connection) => connection.query('SET SESSION innodb_lock_wait_timeout = 1'));
    const error = await isOver(
      t.dataSource.transaction(async (manager) => {
        const user = await manager.save(User, manager.create(User, { email: 'new@example.com' }));
        await t.tokens.generateHeaderToken(user);
      }),
    );
    expect(error).toBeInstanceOf(AuthentifyUnavailableError);
    expect((error as Error).cause).toMatchObject({ errno: 1205, message: expect.stringContaining('pass { manager }') });
  });
});
