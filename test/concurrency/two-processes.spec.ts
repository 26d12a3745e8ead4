import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bearer, send } from '../requests/client.js';
import type { TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { type Clock, type Pair, type PlainOptions, type ServerProcess, ServerProcesses } from './nodes.js';
import { HOUR, MINUTE, NOW, pairOf, SECOND, tally } from './outcomes.js';
import { places, startAt } from './places.js';

const STORM = 50;
const HALF = STORM / 2;
/** sql.js lives in one process only; the pool sizes are for storms within one. */
const shared = places.filter(({ name, pool }) => name !== 'sql.js' && (pool === 10 || name === 'a file SQLite'));

/** What each process runs, all on one table. */
const APPS: Record<string, PlainOptions> = {
  plain: { tokenTtl: '1h', refreshTokenTtl: '2h', autoRefreshInterval: '5m' },
  single: { enforceSingleLogin: true, autoRefreshInterval: '5m' },
  limited: { maxSessionsPerUser: 3, autoRefreshInterval: '5m' },
};

describe('two server processes on one database', () => {
  let processes: ServerProcesses;
  beforeAll(async () => {
    processes = await ServerProcesses.compile();
  }, 120_000);

  describe.each(shared)('$name', (place) => {
    let t: TestApp;
    let user: User;
    let nodes: [ServerProcess, ServerProcess];

    beforeAll(async () => {
      t = await startAt(place);
      user = await t.createUser();
      nodes = await Promise.all([processes.start(t, place, APPS), processes.start(t, place, APPS)]);
    });
    beforeEach(() => setClocks({}));
    afterAll(async () => {
      await processes.stop();
      await t?.close();
    });

    const setClocks = async (one: Clock, other: Clock = one): Promise<void> => {
      await nodes[0].one('setClock', one);
      await nodes[1].one('setClock', other);
    };
    const both = async <T = Pair>(count: number, action: string, argument?: unknown) => {
      const answers = await Promise.all(nodes.map((node) => node.all<T>(count, action, argument)));
      return answers.flat();
    };
    const events = async () => {
      const counts: Record<string, number> = {};
      for (const node of nodes) {
        for (const [type, count] of Object.entries(await node.events())) counts[type] = (counts[type] ?? 0) + count;
      }
      return counts;
    };
    const isLive = async (pair: Pair) =>
      Promise.all(nodes.map(async (node) => (await node.one('verify', pair.accessToken)) !== null));

    it.each([
      ['one clock', {}, {}],
      ['clocks that differ by 5 s', {}, { offset: 5 * SECOND }],
    ])(`R30, R28: of ${STORM} refreshes exactly one rotates, and all get its pair (%s)`, async (_, one, other) => {
      await setClocks(one, other);
      for (let round = 0; round < 5; round += 1) {
        const first = (await nodes[round % 2]!.one('login', user.id))!;
        await events();
        const answers = await both(HALF, 'refresh', first.refreshToken);

        expect(await events()).toEqual({ refreshed: 1, replayed: STORM - 1 });
        expect(Object.values(tally(answers.map(pairOf)))).toEqual([STORM]);
        expect(await isLive(first)).toEqual([false, false]);
        expect(await isLive(answers[0] as Pair)).toEqual([true, true]);
      }
    });

    it('R30: naively, reading, deciding and then writing, both processes win', async () => {
      const { refreshToken, id } = (await nodes[0].one('login', user.id))!;
      const digest = createHash('sha256').update(refreshToken).digest('hex');
      expect(await both<boolean>(1, 'naiveRead', digest)).toEqual([true, true]);
      const won = [
        await nodes[0].one<number>('naiveWrite', { id, digest: 'one' }),
        await nodes[1].one<number>('naiveWrite', { id, digest: 'other' }),
      ];
      expect(won).toEqual([1, 1]);
    });

    it('R45, R46: of concurrent logins exactly one session lives, the one that sorts last', async () => {
      await setClocks({}, { offset: -5 * SECOND });
      for (let round = 0; round < 5; round += 1) {
        const visitor = await t.createUser();
        const answers = await both(10, 'single/login', visitor.id);

        expect(answers).not.toContain('503');
        const pairs = answers as Pair[];
        const rows = await t.tokens.listUserTokens(visitor);
        expect(rows.map(({ id }) => id)).toEqual([
          pairs
            .map(({ id }) => id)
            .toSorted()
            .at(-1),
        ]);
        const live = await Promise.all(pairs.map(isLive));
        expect(tally(live.map(String))).toEqual({ 'true,true': 1, 'false,false': pairs.length - 1 });
      }
    });

    it('R47: of concurrent logins exactly as many sessions live as the limit allows', async () => {
      for (let round = 0; round < 3; round += 1) {
        const visitor = await t.createUser();
        const answers = await both(10, 'limited/login', visitor.id);
        expect(answers).not.toContain('503');
        const newest = (answers as Pair[])
          .map(({ id }) => id)
          .toSorted()
          .toReversed();
        expect((await t.tokens.listUserTokens(visitor)).map(({ id }) => id)).toEqual(newest.slice(0, 3));
      }
    });

    it('R45: naively, ending what was there and then inserting, both logins stay', async () => {
      const visitor = await t.createUser();
      await nodes[0].one('login', visitor.id);
      const seen = await both<string[]>(1, 'naiveList', visitor.id);
      for (const [index, node] of nodes.entries()) {
        await node.one('naiveEnd', seen[index]);
        await node.one('login', visitor.id);
      }
      expect(await t.tokens.listUserTokens(visitor)).toHaveLength(2);
    });

    it.each([
      ['one clock', 0],
      ['clocks that differ by 5 s', -5 * SECOND],
    ])('R46: of logins one after the other within one millisecond the later one lives (%s)', async (_, offset) => {
      await setClocks({ frozenAt: NOW }, { frozenAt: NOW, offset });
      const visitor = await t.createUser();
      let earlier: Pair | undefined;
      for (let login = 0; login < 10; login += 1) {
        const later = (await nodes[login % 2]!.one('single/login', visitor.id))!;
        expect(await isLive(later)).toEqual([true, true]);
        if (earlier) expect(await isLive(earlier)).toEqual([false, false]);
        earlier = later;
      }
    });

    it('R41, R43: a slide changes the row once, and nobody is turned away', async () => {
      await setClocks({ frozenAt: NOW });
      for (let round = 1; round <= 3; round += 1) {
        const session = (await nodes[0].one('login', user.id))!;
        const slidAt = NOW + round * 20 * MINUTE;
        await setClocks({ frozenAt: slidAt });
        await events();

        const requests = Array.from({ length: STORM }, (_, index) =>
          send(`${nodes[index % 2]!.urls.plain}/me`, { headers: bearer(session.accessToken) }),
        );
        expect(tally((await Promise.all(requests)).map(({ status }) => status))).toEqual({ 200: STORM });
        expect((await events()).slid).toBe(1);
        const row = (await t.rows()).find(({ id }) => id === session.id)!;
        expect([Number(row.last_refreshed_at), Number(row.expires_at)]).toEqual([slidAt, slidAt + HOUR]);
      }
    });

    it('R48, R18: a revocation at one is true for the next request at the other, whatever is refreshing there', async () => {
      await events();
      for (let round = 0; round < 5; round += 1) {
        const session = (await nodes[0].one('login', user.id))!;
        const storm = nodes[1].all(HALF, 'refresh', session.refreshToken);
        expect(await nodes[0].one<number>('revoke', session.id)).toBe(1);
        const next = await Promise.all(nodes.map((node) => node.one('refresh', session.refreshToken)));
        expect(next).toEqual([null, null]);
        const answers = await storm;
        expect(answers).not.toContain('503');
        for (const pair of new Map(answers.map((each) => [pairOf(each), each])).values()) {
          if (pair !== null) expect(await isLive(pair as Pair)).toEqual([false, false]);
        }
        expect(await nodes[0].one<number>('revoke', session.id)).toBe(0);
      }
      expect((await events())['reuse-detected']).toBeUndefined();
    });

    it('R52: two prune jobs beside logins and refreshes end each expired session once, and no other', async () => {
      // Nothing else is left to prune at that time.
      await t.dataSource.getRepository(t.tokenEntity).createQueryBuilder().delete().execute();
      await setClocks({ frozenAt: NOW });
      await nodes[0].all(30, 'login', user.id);
      await setClocks({ frozenAt: NOW + HOUR });
      const living = (await nodes[0].all(5, 'login', user.id)) as Pair[];
      await setClocks({ frozenAt: NOW + 2 * HOUR });

      const [pruned, opened, refreshed] = await Promise.all([
        both<number>(2, 'prune'),
        both(5, 'login', user.id),
        Promise.all(living.map((pair, index) => nodes[index % 2]!.one('refresh', pair.refreshToken))),
      ]);
      expect(pruned.reduce<number>((sum, count) => sum + Number(count), 0)).toBe(30);
      expect(opened).not.toContain('503');
      expect(refreshed).not.toContain(null);
      expect(await t.rows()).toHaveLength(15);
    });
  });
});
