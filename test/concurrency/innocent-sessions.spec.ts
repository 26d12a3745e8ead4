import { Controller, Get, UseGuards, UseInterceptors } from '@nestjs/common';
import { AutoRefreshInterceptor, HeaderAuthGuard, type IssuedTokens } from 'nestjs-authentify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SessionStore } from '../../lib/sessions/session-store.js';
import { Sliding } from '../../lib/sessions/sliding.js';
import { bearer, send } from '../requests/client.js';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { DATABASE, ONE_CONNECTION } from '../support/database.js';
import type { User } from '../support/users.js';
import { at, eventsOf, hold, HOUR, MINUTE, NOW, pairOf, SECOND, tally, times } from './outcomes.js';

const GRACE = 30 * SECOND;
const OLD = 'a first key of at least thirty-two bytes';
const NEW = 'another key of at least thirty-two bytes';
const LIFETIMES = {
  tokenTtl: '1h',
  refreshTokenTtl: '2h',
  autoRefreshInterval: '5m',
  keepExpiredTokens: true,
} as const;

@Controller()
class SlidingController {
  @Get('sliding')
  @UseGuards(HeaderAuthGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  sliding(): object {
    return {};
  }
}

/** Two nodes on one table; what a session's honest client does must never look like theft. */
describe('an innocent session', () => {
  let a: TestApp;
  let b: TestApp;
  let user: User;
  let events: () => Record<string, number>;
  const apps: TestApp[] = [];

  const start = async (
    one: Setup['options'] = {},
    other: Setup['options'] = one,
    dataSource: Setup['dataSource'] = {},
  ): Promise<void> => {
    const node = async (options: Setup['options'], beside?: TestApp): Promise<TestApp> => {
      const setup = { options: { ...LIFETIMES, ...options }, controllers: [SlidingController], dataSource };
      const t = await startApp({ ...setup, ...(beside && { beside }) });
      apps.unshift(t);
      return t;
    };
    a = await node(one);
    b = await node(other, a);
    user = await a.createUser();
    events = eventsOf(a, b);
    at(NOW);
  };
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const t of apps.splice(0)) await t.close();
  });

  const isLive = async (pair: IssuedTokens | null) => (await b.tokens.verifyToken(pair!.accessToken)) !== null;
  const rotatedAt = async () => Number((await a.rows())[0]!.rotated_at);
  /** As if the rotation had been given the time at which its call started. */
  const rotatedWhenItStarted = (id: string, started: number) =>
    a.dataSource.getRepository(a.tokenEntity).update({ id } as never, { rotatedAt: new Date(started) } as never);
  /** A refresh that stalls between its look-up and its write, from one instant to another. */
  const stalledRefresh = async ({ refreshToken }: IssuedTokens, from: number, to: number) => {
    at(from);
    const stalled = hold(a.app.get(SessionStore), 'findByFamily', 'after');
    const refresh = a.tokens.refreshToken(refreshToken!);
    await stalled.arrived;
    at(to);
    stalled.release();
    return (await refresh)!;
  };
  const get = async (t: TestApp, { accessToken }: IssuedTokens) =>
    (await send(`${t.url}/sliding`, { headers: bearer(accessToken) })).status;

  it.each([5 * SECOND, -5 * SECOND])(
    'R28, R32: whose sibling is on a node %i ms off gets the winner’s pair, generation after generation',
    async (offset) => {
      await start();
      let current = await a.tokens.generateHeaderToken(user);
      for (let generation = 0; generation < 10; generation += 1) {
        const instant = NOW + generation * 1_000;
        at(instant);
        const won = await a.tokens.refreshToken(current.refreshToken!);
        at(instant + offset);
        const retried = await b.tokens.refreshToken(current.refreshToken!);
        expect(pairOf(retried)).toBe(pairOf(won));
        // The next rotation is the other node's, so its clock decides and time goes backwards for this one.
        current = retried!;
        [a, b] = [b, a];
      }
      expect(await isLive(current)).toBe(true);
      expect(events()).not.toHaveProperty('reuse-detected');
    },
  );

  it.each([5 * SECOND, 0, -5 * SECOND])(
    'R31: whose 20 siblings have read it, on a node %i ms off, and are then overtaken twice, lives on',
    async (offset) => {
      await start();
      const first = await a.tokens.generateHeaderToken(user);
      at(NOW + MINUTE + offset);
      const read = hold(b.app.get(SessionStore), 'findByFamily', 'after', 20);
      const siblings = times(20, () => b.tokens.refreshToken(first.refreshToken!));
      await read.arrived;
      at(NOW + MINUTE + 10);
      const second = await a.tokens.refreshToken(first.refreshToken!);
      at(NOW + MINUTE + 20);
      const third = await a.tokens.refreshToken(second!.refreshToken!);
      read.release();

      expect(tally(await siblings)).toEqual({ null: 20 });
      expect(events()).toEqual({ issued: 1, refreshed: 2, 'rejected: overtaken': 20 });
      expect(await isLive(third)).toBe(true);
    },
  );

  it('R31: whose 20 siblings started before the winner’s next refresh and read after it lives on', async () => {
    await start();
    const first = await a.tokens.generateHeaderToken(user);
    at(NOW + MINUTE);
    const reading = hold(b.app.get(SessionStore), 'findByFamily', 'before', 20);
    const siblings = times(20, () => b.tokens.refreshToken(first.refreshToken!));
    await reading.arrived;
    at(NOW + MINUTE + 1);
    const second = await a.tokens.refreshToken(first.refreshToken!);
    const third = await a.tokens.refreshToken(second!.refreshToken!);
    reading.release();

    expect(tally(await siblings)).toEqual({ null: 20 });
    expect(events()).toEqual({ issued: 1, refreshed: 2, 'rejected: overtaken': 20 });
    expect(await isLive(third)).toBe(true);
  });

  it.each(['before', 'after'] as const)(
    'R28, R32: whose sibling stalled past the grace period %s its look-up gets the winner’s pair',
    async (moment) => {
      await start();
      const first = await a.tokens.generateHeaderToken(user);
      at(NOW + MINUTE);
      const stalled = hold(b.app.get(SessionStore), 'findByFamily', moment);
      const sibling = b.tokens.refreshToken(first.refreshToken!);
      await stalled.arrived;
      at(NOW + MINUTE + SECOND);
      const second = await a.tokens.refreshToken(first.refreshToken!);
      at(NOW + 3 * MINUTE);
      stalled.release();
      expect(pairOf(await sibling)).toBe(pairOf(second));
      expect(await isLive(second)).toBe(true);
    },
  );

  it('R28, R32: whose winner stalled past the grace period before it wrote gets its pair again on a retry', async () => {
    await start();
    const first = await a.tokens.generateHeaderToken(user);
    const written = NOW + 3 * MINUTE;
    const second = await stalledRefresh(first, NOW + MINUTE, written);
    expect(second.token.rotatedAt).toEqual(new Date(written));
    expect(await rotatedAt()).toBe(written);
    // Everything else goes by the start of the call.
    expect(second.token.expiresAt).toEqual(new Date(NOW + MINUTE + HOUR));
    expect((await b.tokens.verifyToken(second.accessToken))?.expiresAt).toEqual(second.token.expiresAt);

    for (const later of [0, GRACE - 1]) {
      at(written + later);
      expect(pairOf(await b.tokens.refreshToken(first.refreshToken!))).toBe(pairOf(second));
    }
    expect(events()).toEqual({ issued: 1, refreshed: 1, authenticated: 1, replayed: 2 });
    at(written + GRACE);
    expect(await b.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(events()).toEqual({ 'reuse-detected': 1, 'rejected: reuse': 1 });
  });

  it('R28: naively, with the time its call started, the same retry ends it', async () => {
    await start();
    const first = await a.tokens.generateHeaderToken(user);
    const second = await stalledRefresh(first, NOW + MINUTE, NOW + 3 * MINUTE);
    await rotatedWhenItStarted(second.token.id, NOW + MINUTE);
    expect(await b.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(events()).toEqual({ issued: 1, refreshed: 1, 'reuse-detected': 1, 'rejected: reuse': 1 });
    expect(await isLive(second)).toBe(false);
  });

  it.skipIf(DATABASE === 'sqljs')(
    'R28, R32: whose winner waited past the grace period for a connection gets its pair again on a retry',
    async () => {
      await start({}, {}, ONE_CONNECTION);
      const first = await a.tokens.generateHeaderToken(user);
      const rotation = hold(a.app.get(SessionStore), 'rotate', 'before');
      const refresh = a.tokens.refreshToken(first.refreshToken!);
      await rotation.arrived;
      const busy = a.dataSource.createQueryRunner();
      await busy.connect();
      rotation.release();
      await new Promise(setImmediate);
      at(NOW + 3 * MINUTE);
      await busy.release();

      const second = await refresh;
      expect(second!.token.rotatedAt).toEqual(new Date(NOW + 3 * MINUTE));
      expect(pairOf(await b.tokens.refreshToken(first.refreshToken!))).toBe(pairOf(second));
    },
  );

  it('R28: rotated by a clock set back during the call was rotated when the call started', async () => {
    await start();
    const first = await a.tokens.generateHeaderToken(user);
    const second = await stalledRefresh(first, NOW + MINUTE, NOW - HOUR);
    expect(second.token.rotatedAt).toEqual(new Date(NOW + MINUTE));
    expect(await rotatedAt()).toBe(NOW + MINUTE);
  });

  it.each([
    ['', async () => {}, { 'rejected: overtaken': 1 }],
    [
      ' (naively, with the time that refresh started, it ends)',
      (third: IssuedTokens) => rotatedWhenItStarted(third.token.id, NOW + MINUTE + 10),
      { 'reuse-detected': 1, 'rejected: reuse': 1 },
    ],
  ])('R31: whose sibling started while the winner’s next refresh was under way lives on%s', async (_, meddle, told) => {
    await start();
    const first = await a.tokens.generateHeaderToken(user);
    at(NOW + MINUTE);
    const second = await a.tokens.refreshToken(first.refreshToken!);
    at(NOW + MINUTE + 10);
    const written = hold(a.app.get(SessionStore), 'findByFamily', 'after');
    const next = a.tokens.refreshToken(second!.refreshToken!);
    await written.arrived;
    at(NOW + MINUTE + 20);
    const reading = hold(b.app.get(SessionStore), 'findByFamily', 'before');
    const sibling = b.tokens.refreshToken(first.refreshToken!);
    await reading.arrived;
    at(NOW + MINUTE + 30);
    written.release();
    const third = (await next)!;
    await meddle(third);
    reading.release();

    expect(await sibling).toBeNull();
    expect(events()).toEqual({ issued: 1, refreshed: 2, ...told });
    expect(await isLive(third)).toBe(!('reuse-detected' in told));
  });

  it.each([
    ['a slide', (session: IssuedTokens) => get(a, session), 20 * MINUTE],
    ['the prune job', () => a.tokens.revokeExpiredTokens(), 2 * MINUTE],
  ])('R28: whose sibling stalled until %s had wiped the salt lives on', async (_, wipe, later) => {
    await start();
    const first = await a.tokens.generateHeaderToken(user);
    const stalled = hold(b.app.get(SessionStore), 'findByFamily', 'after');
    const sibling = b.tokens.refreshToken(first.refreshToken!);
    await stalled.arrived;
    const second = await a.tokens.refreshToken(first.refreshToken!);
    at(NOW + later);
    await wipe(second!);
    stalled.release();

    expect(await sibling).toBeNull();
    expect((await a.rows())[0]).toMatchObject({ revoked_at: null, rotation_salt: null });
    expect(await isLive(second)).toBe(true);
  });

  it('R43: that another process slid first is not turned away, and changes once', async () => {
    await start();
    const session = await a.tokens.generateHeaderToken(user);
    at(NOW + 10 * MINUTE);
    const read = hold(b.app.get(SessionStore), 'slide', 'before');
    const slower = get(b, session);
    await read.arrived;
    at(NOW + 10 * MINUTE + 7);
    expect(await get(a, session)).toBe(200);
    read.release();

    expect(await slower).toBe(200);
    expect(events()).toMatchObject({ slid: 1 });
    const [row] = await a.rows();
    expect(Number(row!.last_refreshed_at)).toBe(NOW + 10 * MINUTE + 7);
  });

  it('R43: rotated while a request slid it is turned away with its old token only', async () => {
    await start();
    const session = await a.tokens.generateHeaderToken(user);
    at(NOW + 10 * MINUTE);
    const sliding = hold(a.app.get(SessionStore), 'slide', 'before');
    const request = get(a, session);
    await sliding.arrived;
    const rotated = await b.tokens.refreshToken(session.refreshToken!);
    sliding.release();
    expect(await request).toBe(401);
    expect(await get(a, rotated!)).toBe(200);
  });

  it('R28, R43: rotated by a clock that is behind, while a request slid it, slides on with its new token', async () => {
    await start();
    const session = await a.tokens.generateHeaderToken(user);
    at(NOW + 5 * MINUTE);
    const sliding = hold(a.app.get(SessionStore), 'slide', 'before');
    const request = get(a, session);
    await sliding.arrived;
    // The other node's clock has not reached the login yet; no instant of the row moves backwards.
    at(NOW - 5 * SECOND);
    const rotated = await b.tokens.refreshToken(session.refreshToken!);
    at(NOW + 5 * MINUTE + 1);
    sliding.release();
    expect(await request).toBe(401);
    expect(await isLive(rotated)).toBe(true);
    expect(await get(a, rotated!)).toBe(200);
  });

  it('R28, R43: rotated by a clock 5 s behind, is not turned away for a slide of its old token still under way', async () => {
    await start({ autoRefreshInterval: '5s' });
    const session = await b.tokens.generateHeaderToken(user);
    at(NOW + 5 * SECOND);
    const sliding = hold(a.app.get(SessionStore), 'slide', 'before');
    const old = get(a, session);
    await sliding.arrived;
    at(NOW);
    const rotated = await b.tokens.refreshToken(session.refreshToken!);
    at(NOW + 5 * SECOND);
    const asked = hold(a.app.get(Sliding), 'slide', 'before');
    const current = get(a, rotated!);
    await asked.arrived;
    asked.release();
    await new Promise(setImmediate);
    sliding.release();
    expect([await old, await current]).toEqual([401, 200]);
  });

  it.each([
    ['no change', [OLD], [OLD]],
    ['the new key appended', [OLD], [OLD, NEW]],
    ['the new key moved to the front', [OLD, NEW], [NEW, OLD]],
    ['the old key retired', [NEW, OLD], [NEW]],
  ])('R5, R30: survives storms on both halves of a rolling deploy (%s)', async (_, before, after) => {
    await start({ hashSecrets: before }, { hashSecrets: after });
    let current = await a.tokens.generateHeaderToken(user);
    for (let generation = 0; generation < 5; generation += 1) {
      events();
      const answers = await times(20, (index) => (index % 2 === 0 ? a : b).tokens.refreshToken(current.refreshToken!));
      expect(events()).toEqual({ refreshed: 1, replayed: 19 });
      expect(Object.values(tally(answers.map(pairOf)))).toEqual([20]);
      current = answers[0]!;
      expect(await isLive(current)).toBe(true);
      expect(await a.tokens.verifyToken(current.accessToken)).not.toBeNull();
    }
  });

  it('R5: that a sibling read under the old key and the winner rotated to the new one is the winner’s', async () => {
    await start({ hashSecrets: [OLD, NEW] }, { hashSecrets: [NEW, OLD] });
    const first = await a.tokens.generateHeaderToken(user);
    const read = hold(a.app.get(SessionStore), 'findByFamily', 'after');
    const sibling = a.tokens.refreshToken(first.refreshToken!);
    await read.arrived;
    const second = await b.tokens.refreshToken(first.refreshToken!);
    read.release();
    expect(pairOf(await sibling)).toBe(pairOf(second));
  });

  it('R5: naively, the new key first in one step, half of the nodes know the session no more', async () => {
    await start({ hashSecrets: [OLD] }, { hashSecrets: [NEW, OLD] });
    const first = await a.tokens.generateHeaderToken(user);
    const second = await b.tokens.refreshToken(first.refreshToken!);
    expect(await a.tokens.verifyToken(second!.accessToken)).toBeNull();
    expect(await a.tokens.refreshToken(second!.refreshToken!)).toBeNull();
  });

  it.each([0, 5 * SECOND])(
    'R46: of 20 logins in turn within a millisecond on nodes %i ms apart the later lives',
    async (apart) => {
      await start({ enforceSingleLogin: true });
      let earlier: IssuedTokens | null = null;
      for (let login = 0; login < 20; login += 1) {
        at(NOW - (login % 2) * apart);
        const later = await (login % 2 === 0 ? a : b).tokens.generateHeaderToken(user);
        expect(await isLive(later)).toBe(true);
        if (earlier) expect(await isLive(earlier)).toBe(false);
        earlier = later;
      }
      // By its node's clock, the last login was the earlier one.
      expect(earlier!.token.createdAt.getTime()).toBe(NOW + 19);
      expect(earlier!.token.lastRefreshedAt.getTime()).toBe(NOW - apart);
    },
  );

  it('R52: refreshed between the two steps of the prune job stays', async () => {
    await start({ keepExpiredTokens: false });
    const session = await a.tokens.generateHeaderToken(user);
    at(NOW + 2 * HOUR - 1);
    const read = hold(b.app.get(SessionStore), 'findByFamily', 'after');
    const refresh = b.tokens.refreshToken(session.refreshToken!);
    await read.arrived;
    at(NOW + 2 * HOUR);
    const listed = hold(a.app.get(SessionStore), 'prunableIds', 'after');
    const prune = a.tokens.revokeExpiredTokens();
    await listed.arrived;
    read.release();
    const refreshed = await refresh;
    listed.release();
    expect(await prune).toBe(0);
    expect(await isLive(refreshed)).toBe(true);
  });

  it('R52: naively, pruned by the ids that were read, it is lost after its refresh', async () => {
    await start({ keepExpiredTokens: false });
    const session = await a.tokens.generateHeaderToken(user);
    const ids = await a.app.get(SessionStore).prunableIds(NOW + 2 * HOUR, 10);
    at(NOW + 2 * HOUR - 1);
    const refreshed = await b.tokens.refreshToken(session.refreshToken!);
    await a.dataSource.getRepository(a.tokenEntity).delete(ids);
    expect(await isLive(refreshed)).toBe(false);
  });
});

describe('a stolen session', () => {
  it('R31, R34: is ended once by a storm of its earlier token, on two nodes, and its last pair with it', async () => {
    const a = await startApp({ options: { keepExpiredTokens: true } });
    const b = await startApp({ options: { keepExpiredTokens: true }, beside: a });
    try {
      const events = eventsOf(a, b);
      for (let round = 0; round < 3; round += 1) {
        at(NOW);
        const first = await a.tokens.generateHeaderToken(await a.createUser());
        const second = await a.tokens.refreshToken(first.refreshToken!);
        const third = await b.tokens.refreshToken(second!.refreshToken!);
        events();
        at(NOW + 1);
        const thieves = await times(20, (index) => (index % 2 === 0 ? a : b).tokens.refreshToken(first.refreshToken!));
        expect(tally(thieves)).toEqual({ null: 20 });
        const { 'reuse-detected': detected, ...rejected } = events();
        expect(detected).toBe(1);
        expect(Object.values(rejected).reduce((sum, count) => sum + count, 0)).toBe(20);
        expect(await a.tokens.verifyToken(third!.accessToken)).toBeNull();
        expect(await a.tokens.refreshToken(third!.refreshToken!)).toBeNull();
      }
    } finally {
      await b.close();
      await a.close();
    }
  });
});

describe('a slide that meets an ending', () => {
  it.each([false, true])(
    'R43: is turned away and revives nothing, keepExpiredTokens: %s',
    async (keepExpiredTokens) => {
      const setup = { options: { ...LIFETIMES, keepExpiredTokens }, controllers: [SlidingController] };
      const t = await startApp(setup);
      try {
        at(NOW);
        const session = await t.tokens.generateHeaderToken(await t.createUser());
        at(NOW + 10 * MINUTE);
        const sliding = hold(t.app.get(SessionStore), 'slide', 'before');
        const requests = times(20, () => send(`${t.url}/sliding`, { headers: bearer(session.accessToken) }));
        await sliding.arrived;
        await t.tokens.revokeToken(session.token);
        const before = await t.rows();
        sliding.release();
        expect(tally((await requests).map(({ status }) => status))).toEqual({ 401: 20 });
        expect(await t.rows()).toEqual(before);
      } finally {
        await t.close();
      }
    },
  );

  it.each([false, true])(
    'R43: naively, saved whole, revives the row, keepExpiredTokens: %s',
    async (keepExpiredTokens) => {
      const t = await startApp({ options: { ...LIFETIMES, keepExpiredTokens } });
      try {
        at(NOW);
        const session = await t.tokens.generateHeaderToken(await t.createUser());
        const rows = t.dataSource.getRepository(t.tokenEntity);
        const columns = Object.fromEntries(rows.metadata.columns.map(({ propertyName }) => [propertyName, true]));
        const read = await rows.findOneOrFail({
          where: { id: session.token.id },
          select: columns as never,
          relations: { user: true },
        });
        await t.tokens.revokeToken(session.token);
        expect(await t.tokens.verifyToken(session.accessToken)).toBeNull();

        await rows.save(Object.assign(read, { expiresAt: new Date(NOW + 2 * HOUR) }));
        expect(await t.tokens.verifyToken(session.accessToken)).not.toBeNull();
      } finally {
        await t.close();
      }
    },
  );
});
