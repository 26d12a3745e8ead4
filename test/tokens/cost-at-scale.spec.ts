import { Controller, Get, UseGuards, UseInterceptors } from '@nestjs/common';
import {
  type AbstractAuthToken,
  type AuthentifyOptions,
  AutoRefreshInterceptor,
  HeaderAuthGuard,
} from 'nestjs-authentify';
import type { DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE, ONE_CONNECTION } from '../support/database.js';
import type { User } from '../support/users.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Not on the hour, because rows are indexed by the hour. */
const NOW = Date.UTC(2026, 0, 15, 12, 17, 3, 7);

@Controller()
class SlidingController {
  @Get()
  @UseGuards(HeaderAuthGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  get(): void {}
}

let t: TestApp;
const start = async (options: AuthentifyOptions<User> = {}, dataSource: Partial<DataSourceOptions> = {}) => {
  const lifetimes = { tokenTtl: '1h', refreshTokenTtl: '1d', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' };
  t = await startApp({ options: { ...lifetimes, ...options } as never, controllers: [SlidingController], dataSource });
};
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
});
afterEach(() => t.close());

const rowsOf = () => t.dataSource.getRepository<AbstractAuthToken>(t.tokenEntity);
const slide = async (accessToken: string): Promise<number> =>
  (await fetch(t.url, { headers: { authorization: `Bearer ${accessToken}` } })).status;

describe('R52: rows are indexed by the hour, and end to the millisecond', () => {
  /** A session of each kind, and when it is over. */
  async function sessions(user: User) {
    const withRefresh = await t.tokens.generateHeaderToken(user);
    const without = await t.tokens.generateHeaderToken(user, { refreshExpiresIn: null });
    await t.tokens.generateHeaderToken(user, { accessExpiresIn: null, refreshExpiresIn: null });
    return [
      { id: without.token.id, end: NOW + HOUR },
      { id: withRefresh.token.id, end: NOW + DAY },
    ];
  }

  it.each([
    ['everybody’s', () => t.tokens.revokeExpiredTokens()],
    ['one user’s', (user: User) => t.tokens.revokeAllExpiredUserTokens(user)],
  ])('when %s are pruned', async (_, prune) => {
    await start();
    const user = await t.createUser();
    for (const { id, end } of await sessions(user)) {
      vi.setSystemTime(end - 1);
      expect(await prune(user)).toBe(0);
      expect((await t.tokens.listUserTokens(user)).map((token) => token.id)).toContain(id);
      vi.setSystemTime(end);
      expect((await t.tokens.listUserTokens(user)).map((token) => token.id)).not.toContain(id);
      expect(await prune(user)).toBe(1);
    }
    expect(await t.rows()).toHaveLength(1);
  });

  it('and a session that is over takes no place of a limit', async () => {
    await start({ maxSessionsPerUser: 1, keepExpiredTokens: true });
    const user = await t.createUser();
    const over = await t.tokens.generateHeaderToken(user, { refreshExpiresIn: null });
    vi.setSystemTime(NOW + HOUR);
    await t.tokens.generateHeaderToken(user);
    expect(await t.tokens.revokeExpiredTokens()).toBe(1);
    expect(await rowsOf().findOneByOrFail({ id: over.token.id })).toMatchObject({ revokedReason: 'expired' });
  });

  it('and kept rows stay for their time, to the millisecond', async () => {
    await start({ keepExpiredTokens: '90d' });
    await t.tokens.revokeToken((await t.tokens.generateHeaderToken(await t.createUser())).token);
    vi.setSystemTime(NOW + 90 * DAY - 1);
    expect(await t.tokens.revokeExpiredTokens()).toBe(0);
    vi.setSystemTime(NOW + 90 * DAY);
    expect(await t.tokens.revokeExpiredTokens()).toBe(1);
    expect(await t.rows()).toEqual([]);
  });

  it('whichever version wrote them: to the hour or to the millisecond', async () => {
    await start();
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    await rowsOf().update({ id: token.id }, { pruneAt: token.refreshUntil });
    vi.setSystemTime(NOW + DAY - 1);
    expect(await t.tokens.revokeExpiredTokens()).toBe(0);
    expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
    vi.setSystemTime(NOW + DAY);
    expect(await t.tokens.revokeExpiredTokens()).toBe(1);
  });

  it('and a version that prunes by the index alone ends none too early', async () => {
    await start();
    const { token, accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    const pruneAt = async () => Number((await t.rows())[0]!.prune_at);
    expect(await pruneAt()).toBeGreaterThanOrEqual(token.refreshUntil!.getTime());
    for (let slid = 1; slid <= 20; slid += 1) {
      vi.setSystemTime(NOW + slid * 7 * MINUTE);
      expect(await slide(accessToken)).toBe(200);
      const { refreshUntil } = await rowsOf().findOneByOrFail({ id: token.id });
      expect(refreshUntil!.getTime()).toBe(NOW + slid * 7 * MINUTE + DAY);
      expect(await pruneAt()).toBe(Math.ceil(refreshUntil!.getTime() / HOUR) * HOUR);
    }
  });
});

describe('pruning reads what is due, and not what is there', () => {
  /** Row by row, also in the order of the primary key. */
  const WHOLE_TABLE = {
    sqljs: /SCAN|autoindex/,
    postgres: /Seq Scan|Sort|Bitmap|PK_/,
    mariadb: /"type":"(?:ALL|index)"|"key":"PRIMARY"|filesort/,
  }[DATABASE]!;
  const PRIVATE = ['token.refreshTokenHash', 'token.previousRefreshTokenHash', 'token.rotationSalt', 'token.pruneAt'];

  /** Many sessions like one that is there; `changes` says how each differs. */
  async function insertCopies(count: number, changes: (index: number) => Partial<AbstractAuthToken>): Promise<User> {
    const user = await t.createUser();
    await t.tokens.generateHeaderToken(await t.createUser());
    const row = await rowsOf().createQueryBuilder('token').addSelect(PRIVATE).getOneOrFail();
    const copies = Array.from({ length: count }, (_, index) => ({
      ...row,
      user,
      id: `copy-${index}`,
      accessTokenHash: `access-${index}`,
      refreshFamilyHash: `family-${index}`,
      ...changes(index),
    }));
    for (let from = 0; from < count; from += 40) await rowsOf().insert(copies.slice(from, from + 40) as never);
    if (DATABASE === 'sqljs') return user;
    const table = rowsOf().metadata.tablePath;
    await t.dataSource.query(`ANALYZE ${DATABASE === 'mariadb' ? 'TABLE ' : ''}${table}`);
    return user;
  }

  /** What the database says of the look-ups of one pruning, as they were sent. */
  async function plansOfPruning(): Promise<string[]> {
    const before = t.statements.statements.length;
    await t.tokens.revokeExpiredTokens();
    const lookUps = t.statements.statements.slice(before).filter(({ sql }) => sql.startsWith('SELECT'));
    const explain = DATABASE === 'sqljs' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
    const plans = lookUps.map(({ sql, parameters }) => t.dataSource.query(`${explain} ${sql}`, parameters));
    return (await Promise.all(plans)).map((plan) => JSON.stringify(plan));
  }

  it('by an index in every look-up, of rows and of salts', async () => {
    await start();
    await insertCopies(2_000, (index) => ({
      pruneAt: new Date(NOW + index * HOUR),
      // Half of them had a rotation, long ago.
      rotatedAt: index % 2 === 0 ? null : new Date(NOW - index * MINUTE),
    }));
    const plans = await plansOfPruning();
    expect(plans).toHaveLength(2);
    for (const plan of plans) expect(plan).not.toMatch(WHOLE_TABLE);
  });

  it.runIf(DATABASE === 'mariadb')(
    'and comes to an end where a transaction still sees what others pruned',
    async () => {
      await start();
      await insertCopies(2_600, () => ({ pruneAt: new Date(NOW - DAY) }));
      await t.dataSource.transaction(async (manager) => {
        // From here on it reads the rows as they are now, whatever becomes of them.
        expect(await manager.count(t.tokenEntity)).toBe(2_601);
        expect(await t.tokens.revokeExpiredTokens()).toBe(2_600);
        expect(await t.tokens.revokeExpiredTokens({ manager })).toBe(0);
      });
    },
  );

  it.runIf(DATABASE === 'mariadb')('and so does a login under a limit', async () => {
    await start({ maxSessionsPerUser: 1 });
    const user = await insertCopies(1_100, () => ({}));
    await t.dataSource.transaction(async (manager) => {
      expect(await manager.count(t.tokenEntity)).toBe(1_101);
      expect(await t.tokens.revokeAllUserTokens(user)).toBe(1_100);
      await t.tokens.generateHeaderToken(user, { manager });
    });
    expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
  });

  // MariaDB estimates by a look into the index itself.
  it.skipIf(DATABASE === 'mariadb')('also where all rows had a salt when the database last counted', async () => {
    await start();
    await insertCopies(2_000, (index) => ({
      rotatedAt: new Date(NOW - DAY),
      rotationSalt: index.toString(16).padStart(64, '0'),
    }));
    const plans = await plansOfPruning();
    expect((await t.rows()).filter((row) => row.rotation_salt !== null)).toEqual([]);
    expect(plans).toHaveLength(2);
    for (const plan of plans) expect(plan).not.toMatch(WHOLE_TABLE);
  });
});

describe.runIf(DATABASE === 'postgres')('a slide on PostgreSQL', () => {
  const SESSIONS = 200;

  it('writes to the row’s own page and to no index (HOT)', async () => {
    // On one connection, because each tells what it did when it likes; with room in the pages, so that only the indexes
    // decide, and no transaction of others that keeps old versions in the way.
    await start({}, ONE_CONNECTION);
    await t.dataSource.query(`ALTER TABLE ${rowsOf().metadata.tablePath} SET (fillfactor = 40)`);
    const user = await t.createUser();
    const tokens: string[] = [];
    for (let count = 0; count < SESSIONS; count += 1) {
      tokens.push((await t.tokens.generateHeaderToken(user)).accessToken);
    }
    vi.setSystemTime(NOW + 6 * MINUTE);
    for (const token of tokens) expect(await slide(token)).toBe(200);

    await t.dataSource.query('SELECT pg_stat_force_next_flush()');
    const [{ updates, hot }] = await t.dataSource.query(
      `SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relid = $1::regclass`,
      [rowsOf().metadata.tablePath],
    );
    expect([updates, hot]).toEqual([SESSIONS, SESSIONS]);
  });
});
