import type { EventEmitter } from 'node:events';
import { AuthentifyEvents } from 'nestjs-authentify';
import { DataSource, type DataSourceOptions, type QueryRunner } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bearer, cookie, send } from '../requests/client.js';
import { GuardedController, OptionalController } from '../requests/controllers.js';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { DATABASE, ONE_CONNECTION } from '../support/database.js';
import { directOptions, errorsDuring, eventsOf, IS_SERVER, outcomeOf, pairOf, tableOf } from './faults.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;

type PerDatabase = Record<string, [begin: string[], end: string[]]>;

const READ_ONLY: PerDatabase = {
  sqljs: [['PRAGMA query_only = ON'], ['PRAGMA query_only = OFF']],
  postgres: [
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'],
    ['SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE'],
  ],
  mariadb: [['SET SESSION TRANSACTION READ ONLY'], ['SET SESSION TRANSACTION READ WRITE']],
};

/** Sends what a state begins with on every new connection too: the server is in it, not the connection (R72). */
function everyConnection({ dataSource }: TestApp, [begin]: [begin: string[], end: string[]]): () => void {
  const { master, pool } = dataSource.driver as unknown as Record<string, EventEmitter | undefined>;
  const greet = (connection: { query(sql: string): unknown }): void => {
    for (const sql of begin) void connection.query(sql);
  };
  const events: [EventEmitter | undefined, string][] = [
    [master, 'connect'],
    [pool, 'connection'],
  ];
  for (const [emitter, event] of events) emitter?.on(event, greet);
  return () => {
    for (const [emitter, event] of events) emitter?.off(event, greet);
  };
}

/** A trigger that answers writes with the database's own error for this state. */
function triggers(t: TestApp, body: Record<string, string>): [begin: string[], end: string[]] {
  const table = tableOf(t);
  const schema = table.includes('.') ? `${table.split('.', 1)[0]}.` : '';
  const verbs = ['INSERT', 'UPDATE'];
  if (DATABASE === 'postgres') {
    return [
      [
        `CREATE SEQUENCE ${schema}refusals`,
        `CREATE FUNCTION ${schema}refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body.postgres} RETURN NEW; END $$`,
        `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${schema}refuse()`,
      ].map((sql) => sql.replaceAll('REFUSALS', `nextval('${schema}refusals')`)),
      [`DROP TRIGGER refuse ON ${table}`, `DROP FUNCTION ${schema}refuse()`, `DROP SEQUENCE ${schema}refusals`],
    ];
  }
  const each = DATABASE === 'mariadb' ? 'FOR EACH ROW BEGIN' : 'BEGIN';
  return [
    verbs.map((verb) => `CREATE TRIGGER refuse_${verb} BEFORE ${verb} ON ${table} ${each} ${body[DATABASE]} END`),
    verbs.map((verb) => `DROP TRIGGER refuse_${verb}`),
  ];
}

const full = (t: TestApp) =>
  triggers(t, {
    postgres: `RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100';`,
    mariadb: `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full';`,
    sqljs: `SELECT RAISE(ABORT, 'database or disk is full');`,
  });

/** Refuses the first `times` writes with a transient error. */
const transient = (t: TestApp, code: string, times: number) =>
  triggers(t, {
    postgres: `IF REFUSALS <= ${times} THEN RAISE 'try again' USING ERRCODE = '${code}'; END IF;`,
    mariadb:
      `SET @refusals = COALESCE(@refusals, 0) + 1; IF @refusals <= ${times} THEN ` +
      `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${code}, MESSAGE_TEXT = 'try again'; END IF;`,
    sqljs: `SELECT RAISE(ABORT, 'database is locked');`,
  });

/** Refuses rotations of before an instant with a transient error. */
const rotatingOnlyFrom = (t: TestApp, instant: number) =>
  triggers(t, {
    postgres: `IF NEW.rotated_at < ${instant} THEN RAISE 'try again' USING ERRCODE = '40001'; END IF;`,
    mariadb:
      `IF NEW.rotated_at < ${instant} THEN ` +
      `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'try again'; END IF;`,
    sqljs: `SELECT RAISE(ABORT, 'database is locked') WHERE NEW.rotated_at < ${instant};`,
  });

/** Refuses to change one row. */
const keeping = (t: TestApp, id: string) =>
  triggers(t, {
    postgres: `IF NEW.id = '${id}' THEN RAISE 'could not extend file' USING ERRCODE = '53100'; END IF;`,
    mariadb:
      `IF NEW.id = '${id}' THEN ` +
      `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'; END IF;`,
    sqljs: `SELECT RAISE(ABORT, 'database or disk is full') WHERE NEW.id = '${id}';`,
  });

const TRANSIENT_CODES = { postgres: ['40001', '40P01', '55P03'], mariadb: ['1213', '1205', '1020'] }[DATABASE] ?? [
  'SQLITE_BUSY',
];

describe('a database that reads but does not write', () => {
  let t: TestApp;
  // Settings of a database session reach every statement only where there is one connection.
  const start = async (setup: Setup = {}): Promise<void> => {
    t = await startApp({ dataSource: ONE_CONNECTION, controllers: [GuardedController, OptionalController], ...setup });
    t.app.useLogger(false);
  };
  afterEach(() => t.close());

  async function during<T>(state: [begin: string[], end: string[]], work: () => Promise<T>): Promise<T> {
    const [begin, end] = state;
    for (const sql of begin) await t.dataSource.query(sql);
    const stop = state === READ_ONLY[DATABASE] ? everyConnection(t, state) : undefined;
    try {
      return await work();
    } finally {
      stop?.();
      for (const sql of end) await t.dataSource.query(sql);
    }
  }
  const updatesOf = (statements: string[]) => statements.filter((sql) => sql.startsWith('UPDATE'));

  const STATES: [name: string, state: () => [string[], string[]]][] = [
    ['read-only', () => READ_ONLY[DATABASE]!],
    ['full', () => full(t)],
  ];

  describe.each(STATES)('because it is %s', (_name, state) => {
    it('R35, R62: verifies, refuses refresh and login with 503, and changes nothing', async () => {
      await start({ options: { enforceSingleLogin: true, keepExpiredTokens: true } });
      const user = await t.createUser();
      const first = await t.tokens.generateHeaderToken(user);
      const before = await t.rows();
      const events = eventsOf(t);
      await during(state(), async () => {
        const visits = ['/guarded/header', '/guarded/either', '/optional/header'];
        for (const path of visits) {
          expect((await send(t.url + path, { headers: bearer(first.accessToken) })).status).toBe(200);
        }
        events();
        expect(await outcomeOf(t.tokens.refreshToken(first.refreshToken!))).toBe('503');
        expect(await outcomeOf(t.tokens.generateHeaderToken(user))).toBe('503');
        expect(await outcomeOf(t.tokens.revokeToken(first.token))).toBe('503');
      });
      expect(events()).toEqual([]);
      expect(await t.rows()).toEqual(before);
      expect((await t.tokens.verifyToken(first.accessToken))?.id).toBe(first.token.id);
      const second = await t.tokens.refreshToken(first.refreshToken!);
      expect(await t.tokens.verifyToken(second!.accessToken)).not.toBeNull();
    });

    it('R31, R62: a reuse found meanwhile is 503, and ends the session as soon as that can be written', async () => {
      await start({ options: { keepExpiredTokens: true } });
      const first = await t.tokens.generateHeaderToken(await t.createUser());
      const second = await t.tokens.refreshToken(first.refreshToken!);
      const third = await t.tokens.refreshToken(second!.refreshToken!);
      const events = eventsOf(t);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + MINUTE });
      await during(state(), async () => {
        expect(await outcomeOf(t.tokens.refreshToken(first.refreshToken!))).toBe('503');
      });
      expect(events()).toEqual([]);
      expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
      expect(events()).toContain('reuse-detected');
      expect(await t.tokens.verifyToken(third!.accessToken)).toBeNull();
    });

    it('R44: a slide that cannot be written is logged, the request goes on, and a later one slides', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: NOW });
      await start({
        extras: { autoRefresh: true },
        options: { tokenTtl: '1h', refreshTokenTtl: '1d', autoRefreshInterval: '5m', autoRefreshMaxTtl: '5d' },
      });
      const session = await t.tokens.generateCookieToken(await t.createUser());
      const visit = () => send(`${t.url}/guarded/cookie`, { headers: cookie(session.accessToken) });
      vi.setSystemTime(NOW + 10 * MINUTE);
      const errors = await errorsDuring(() =>
        during(state(), async () => {
          for (let request = 0; request < 3; request += 1) {
            const { status, cookies } = await visit();
            expect([status, cookies]).toEqual([200, []]);
          }
        }),
      );
      expect(errors.filter((line) => line.includes('could not be extended'))).toHaveLength(3);
      expect(errors.join()).not.toMatch(/UPDATE |auth_tokens|af_at_/);
      const { status, cookies } = await visit();
      expect([status, cookies.length]).toEqual([200, 1]);
      expect(Number((await t.rows())[0]!.last_refreshed_at)).toBe(NOW + 10 * MINUTE);
    });
  });

  it('R35: naively, replacing the row by a new one loses the session to a full disk', async () => {
    await start();
    const first = await t.tokens.generateHeaderToken(await t.createUser());
    const rows = t.dataSource.getRepository(t.tokenEntity);
    await during(full(t), async () => {
      const [row] = await rows.findBy({ id: first.token.id });
      await rows.delete({ id: row!.id });
      const insertion = rows
        .createQueryBuilder()
        .insert()
        .values(row as never)
        .execute();
      await expect(insertion).rejects.toThrow();
    });
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
  });

  it('R46: a login that cannot end the older session is withdrawn, and is 503', async () => {
    await start({ options: { enforceSingleLogin: true, keepExpiredTokens: true } });
    const user = await t.createUser();
    const older = await t.tokens.generateHeaderToken(user);
    await during(keeping(t, older.token.id), async () => {
      expect(await outcomeOf(t.tokens.generateHeaderToken(user))).toBe('503');
    });
    expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toEqual([older.token.id]);
    const withdrawn = (await t.rows()).filter(({ id }) => id !== older.token.id);
    expect(withdrawn.map((row) => row.revoked_reason)).toEqual(['revoked']);
  });

  it('R28, R36: a rotation is as old as the try that was written, and its grace period begins there', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    await start();
    const first = await t.tokens.generateHeaderToken(await t.createUser());
    const log = t.statements.logQuery.bind(t.statements);
    vi.spyOn(t.statements, 'logQuery').mockImplementation((sql, parameters) => {
      log(sql, parameters);
      if (sql.startsWith('UPDATE')) vi.setSystemTime(Date.now() + MINUTE);
    });
    const second = await during(rotatingOnlyFrom(t, NOW + 2 * MINUTE), () =>
      t.tokens.refreshToken(first.refreshToken!),
    );

    expect(second!.token.rotatedAt).toEqual(new Date(NOW + 2 * MINUTE));
    expect(Number((await t.rows())[0]!.rotated_at)).toBe(NOW + 2 * MINUTE);
    vi.setSystemTime(NOW + 2 * MINUTE + 29_999);
    expect(pairOf(await t.tokens.refreshToken(first.refreshToken!))).toEqual(pairOf(second));
  });

  describe.each(TRANSIENT_CODES)('because of %s', (code) => {
    it.skipIf(!IS_SERVER)('R36: is asked up to five times, and the fifth answer counts', async () => {
      await start();
      const first = await t.tokens.generateHeaderToken(await t.createUser());
      let refreshed = first;
      const statements = await during(transient(t, code, 4), () =>
        t.statements.during(async () => {
          refreshed = (await t.tokens.refreshToken(first.refreshToken!))!;
        }),
      );
      expect(updatesOf(statements)).toHaveLength(5);
      expect(await t.tokens.verifyToken(refreshed.accessToken)).not.toBeNull();
      expect(pairOf(await t.tokens.refreshToken(first.refreshToken!))).toEqual(pairOf(refreshed));
    });

    it('R36: is 503 after five tries and at most two seconds, never 401, and the session lives', async () => {
      await start({ options: { keepExpiredTokens: true } });
      const first = await t.tokens.generateHeaderToken(await t.createUser());
      const events = eventsOf(t);
      const began = performance.now();
      const statements = await during(transient(t, code, 1_000), () =>
        t.statements.during(async () => {
          expect(await outcomeOf(t.tokens.refreshToken(first.refreshToken!))).toBe('503');
        }),
      );
      expect(performance.now() - began).toBeLessThan(2_500);
      expect(updatesOf(statements)).toHaveLength(5);
      expect(events()).toEqual([]);
      expect(await t.tokens.verifyToken(first.accessToken)).not.toBeNull();
      expect(await t.tokens.refreshToken(first.refreshToken!)).not.toBeNull();
      expect((await t.rows()).map((row) => row.revoked_at)).toEqual([null]);
    });

    it('R36, R46: a login is 503 after five tries, and the next one works', async () => {
      await start({ options: { enforceSingleLogin: true } });
      const user = await t.createUser();
      const older = await t.tokens.generateHeaderToken(user);
      await during(transient(t, code, 1_000), async () => {
        expect(await outcomeOf(t.tokens.generateHeaderToken(user))).toBe('503');
      });
      expect(await t.tokens.verifyToken(older.accessToken)).not.toBeNull();
      const next = await t.tokens.generateHeaderToken(user);
      expect((await t.rows()).map(({ id }) => id)).toEqual([next.token.id]);
    });
  });
});

describe.skipIf(!IS_SERVER)('a row that somebody else has locked', () => {
  const WAIT = DATABASE === 'postgres' ? `SET lock_timeout = '150ms'` : 'SET SESSION innodb_lock_wait_timeout = 1';
  let t: TestApp;
  let other: DataSource;
  let lock: QueryRunner;
  const types: string[] = [];

  beforeEach(async () => {
    t = await startApp({ dataSource: ONE_CONNECTION, options: { keepExpiredTokens: true } });
    await t.dataSource.query(WAIT);
    const options = { ...directOptions(t.dataSource), extra: {} } as DataSourceOptions;
    other = await new DataSource(options).initialize();
    lock = other.createQueryRunner();
    types.length = 0;
    t.app.get(AuthentifyEvents).subscribe(({ type }) => types.push(type));
  });
  afterEach(async () => {
    if (lock.isTransactionActive) await lock.rollbackTransaction();
    await lock.release();
    await other.destroy();
    await t.close();
  });

  const lockRow = async (id: string): Promise<void> => {
    if (!lock.isTransactionActive) await lock.startTransaction();
    await lock.query(`SELECT id FROM ${tableOf(t)} WHERE id = '${id}' FOR UPDATE`);
  };

  it('R36: makes a refresh a 503 in bounded time, never a 401, and ends nothing', async () => {
    const first = await t.tokens.generateHeaderToken(await t.createUser());
    await lockRow(first.token.id);
    const began = performance.now();
    expect(await outcomeOf(t.tokens.refreshToken(first.refreshToken!))).toBe('503');
    // Two seconds, and the last try may have begun just before they were over.
    expect(performance.now() - began).toBeLessThan(DATABASE === 'postgres' ? 2_500 : 3_500);
    expect(await t.tokens.verifyToken(first.accessToken)).not.toBeNull();
    await lock.rollbackTransaction();

    types.length = 0;
    expect(await t.tokens.refreshToken(first.refreshToken!)).not.toBeNull();
    expect(types).toEqual(['refreshed']);
    expect((await t.rows()).map((row) => row.revoked_at)).toEqual([null]);
  });

  it('R36: makes nothing but a delay where it is let go in time', async () => {
    const first = await t.tokens.generateHeaderToken(await t.createUser());
    await lockRow(first.token.id);
    let updates = 0;
    let letGo: Promise<void> | undefined;
    const log = t.statements.logQuery.bind(t.statements);
    vi.spyOn(t.statements, 'logQuery').mockImplementation((sql, parameters) => {
      log(sql, parameters);
      if (sql.startsWith('UPDATE')) updates += 1;
      if (updates === 2) letGo ??= lock.rollbackTransaction();
    });
    const second = await t.tokens.refreshToken(first.refreshToken!);
    await letGo;
    expect(updates).toBeGreaterThanOrEqual(2);
    expect(types).toEqual(['issued', 'refreshed']);
    expect(await t.tokens.verifyToken(second!.accessToken)).not.toBeNull();
  });

  it('R36: in a deadlock with the app’s own transaction, loses and tries again', async () => {
    await t.dataSource.query(
      DATABASE === 'postgres' ? 'SET lock_timeout = 0' : 'SET SESSION innodb_lock_wait_timeout = 20',
    );
    const user = await t.createUser();
    const [one, two] = [await t.tokens.generateHeaderToken(user), await t.tokens.generateHeaderToken(user)];
    await lockRow(two.token.id);
    const ending = t.tokens.revokeAllUserTokens(user);
    const waiting =
      DATABASE === 'postgres'
        ? `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${tableOf(t)}%' AND query LIKE 'UPDATE%'`
        : `SELECT 1 FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'UPDATE%'
           AND EXISTS (SELECT 1 FROM information_schema.innodb_lock_waits)`;
    while ((await other.query<unknown[]>(waiting)).length === 0);
    // One of the two must give way; whichever it is, the ending stands in the end.
    await lockRow(one.token.id).then(
      () => lock.commitTransaction(),
      () => lock.rollbackTransaction(),
    );
    expect(await ending).toBe(2);
    expect((await t.rows()).map((row) => row.revoked_reason)).toEqual(['revoked-all', 'revoked-all']);
  });
});
