import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Controller, Get, Req, UseGuards, UseInterceptors } from '@nestjs/common';
import * as fc from 'fast-check';
import {
  type AbstractAuthToken,
  type AuthentifyOptions,
  AutoRefreshInterceptor,
  HeaderAuthGuard,
  type IssuedTokens,
} from 'nestjs-authentify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Sliding } from '../../lib/sessions/sliding.js';
import { bearer, send } from '../requests/client.js';
import { startApp, type TestApp } from '../support/app.js';
import { compileLibrary } from '../support/compiled.js';
import { DATABASE } from '../support/database.js';
import type { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const at = (instant: number): void => {
  vi.useFakeTimers({ toFake: ['Date'], now: instant });
};

@Controller()
class SlidingController {
  @Get('me')
  @UseGuards(HeaderAuthGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  me(@Req() { auth }: { auth: AbstractAuthToken<User> }) {
    return { session: auth.id };
  }
}

/** The instants of a row, as they are stored. */
async function stored(t: TestApp, id: string) {
  const row = (await t.rows()).find((each) => each.id === id);
  if (!row) return null;
  const instant = (name: string): number | null => (row[name] === null ? null : Number(row[name]));
  return {
    createdAt: instant('created_at'),
    lastRefreshedAt: instant('last_refreshed_at'),
    expiresAt: instant('expires_at'),
    refreshUntil: instant('refresh_until'),
    sessionExpiresAt: instant('session_expires_at'),
    rotatedAt: instant('rotated_at'),
    revokedAt: instant('revoked_at'),
    salt: row.rotation_salt,
    reason: row.revoked_reason,
  };
}

const pairOf = (issued: IssuedTokens | null) => issued && [issued.accessToken, issued.refreshToken];

describe('boundaries, to the millisecond', () => {
  let t: TestApp;
  let user: User;
  beforeAll(async () => {
    t = await startApp({ options: { tokenTtl: '1h', refreshTokenTtl: '2h', sessionMaxTtl: '5h' } });
  });
  beforeEach(async () => {
    at(NOW);
    user = await t.createUser();
  });
  afterAll(() => t.close());

  it('R24: of the access token', async () => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    at(NOW + HOUR - 1);
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    expect([token.isActive, token.isExpired]).toEqual([true, false]);
    at(NOW + HOUR);
    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
    expect([token.isActive, token.isExpired]).toEqual([false, true]);
  });

  it('R24: of the refresh token', async () => {
    const [inTime, late] = [await t.tokens.generateHeaderToken(user), await t.tokens.generateHeaderToken(user)];
    at(NOW + 2 * HOUR - 1);
    expect((await t.tokens.refreshToken(inTime.refreshToken!))?.token.id).toBe(inTime.token.id);
    at(NOW + 2 * HOUR);
    expect(await t.tokens.refreshToken(late.refreshToken!)).toBeNull();
  });

  it('R24, R25: of the session, for both tokens alike', async () => {
    const long = { accessExpiresIn: '10h', refreshExpiresIn: '20h' };
    const [inTime, late] = [
      await t.tokens.generateHeaderToken(user, long),
      await t.tokens.generateHeaderToken(user, long),
    ];
    at(NOW + 5 * HOUR - 1);
    expect(await t.tokens.verifyToken(inTime.accessToken)).not.toBeNull();
    const last = await t.tokens.refreshToken(inTime.refreshToken!);
    expect(last?.token.expiresAt?.getTime()).toBe(NOW + 5 * HOUR);
    expect(await t.tokens.verifyToken(last!.accessToken)).not.toBeNull();
    at(NOW + 5 * HOUR);
    expect(await t.tokens.verifyToken(last!.accessToken)).toBeNull();
    expect(await t.tokens.verifyToken(late.accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(last!.refreshToken!)).toBeNull();
    expect(await t.tokens.refreshToken(late.refreshToken!)).toBeNull();
  });

  it('R17, R24: of a session whose end an admin moved before the expiry of its tokens', async () => {
    const { accessToken, refreshToken, token } = await t.tokens.generateHeaderToken(user);
    const rows = t.dataSource.getRepository(t.tokenEntity);
    await rows.update({ id: token.id }, { sessionExpiresAt: new Date(NOW + MINUTE) });
    at(NOW + MINUTE - 1);
    expect((await t.tokens.verifyToken(accessToken))?.isActive).toBe(true);
    const found = await t.tokens.verifyToken(accessToken);
    at(NOW + MINUTE);
    expect(found?.isActive).toBe(false);
    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(refreshToken!)).toBeNull();
  });

  it.each([
    ['just inside', 30 * SECOND - 1, 'same pair'],
    ['just outside', 30 * SECOND, 'ended'],
    ['just inside, by a clock that is behind', -30 * SECOND + 1, 'same pair'],
    ['just outside, by a clock that is behind', -30 * SECOND, 'nothing'],
  ])('R28, R32: of the grace period: %s', async (_, distance, expected) => {
    const { refreshToken, token } = await t.tokens.generateHeaderToken(user);
    at(NOW + MINUTE);
    const successor = await t.tokens.refreshToken(refreshToken!);
    at(NOW + MINUTE + distance);
    const retried = await t.tokens.refreshToken(refreshToken!);

    expect(pairOf(retried)).toEqual(expected === 'same pair' ? pairOf(successor) : null);
    expect((await stored(t, token.id)) === null).toBe(expected === 'ended');
  });

  it('R24, R52: of pruning', async () => {
    const { token } = await t.tokens.generateHeaderToken(user);
    at(NOW + 2 * HOUR - 1);
    expect(await t.tokens.revokeAllExpiredUserTokens(user)).toBe(0);
    expect(await stored(t, token.id)).not.toBeNull();
    at(NOW + 2 * HOUR);
    expect(await t.tokens.revokeAllExpiredUserTokens(user)).toBe(1);
    expect(await stored(t, token.id)).toBeNull();
  });

  it('R24: of the list of sessions', async () => {
    await t.tokens.generateHeaderToken(user);
    at(NOW + 2 * HOUR - 1);
    expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
    at(NOW + 2 * HOUR);
    expect(await t.tokens.listUserTokens(user)).toHaveLength(0);
  });

  it('R24: of the retention of ended rows', async () => {
    const keeper = await startApp({ options: { tokenTtl: '1h', refreshTokenTtl: '2h', keepExpiredTokens: '1d' } });
    try {
      const { token } = await keeper.tokens.generateHeaderToken(await keeper.createUser());
      at(NOW + MINUTE);
      await keeper.tokens.revokeToken(token);
      at(NOW + MINUTE + DAY - 1);
      expect(await keeper.tokens.revokeExpiredTokens()).toBe(0);
      expect(await stored(keeper, token.id)).toMatchObject({ revokedAt: NOW + MINUTE, reason: 'revoked' });
      at(NOW + MINUTE + DAY);
      await keeper.tokens.revokeExpiredTokens();
      expect(await stored(keeper, token.id)).toBeNull();
    } finally {
      await keeper.close();
    }
  });
});

interface Plain {
  accessToken: string;
  refreshToken: string;
  id: string;
  createdAt: number;
  lastRefreshedAt: number;
  expiresAt: number;
  refreshUntil: number;
  sessionExpiresAt: number;
  rotatedAt: number | null;
}

type Method = 'generateHeaderToken' | 'verifyToken' | 'refreshToken';
type Call = (zone: string, instant: number, method: Method, argument: unknown) => Promise<Plain | null>;

const ZONES = ['America/New_York', 'Pacific/Kiritimati', 'Australia/Lord_Howe', 'Asia/Kolkata'];
const LIFETIMES = { tokenTtl: '1h', refreshTokenTtl: '2h', sessionMaxTtl: '3h' } satisfies AuthentifyOptions<User>;

/** What `getTimezoneOffset` must say where a zone is in force at all. */
const offsetOf = (zone: string, instant: number): number => {
  const local = new Date(instant).toLocaleString('sv-SE', { timeZone: zone });
  return (instant - (instant % SECOND) - Date.parse(`${local.replace(' ', 'T')}Z`)) / MINUTE;
};

/** Nodes of their own on one server database, one per zone, running what would be published. */
async function nodesOf(t: TestApp): Promise<{ call: Call; stop(): Promise<void> }> {
  const library = await compileLibrary();

  const { type, host, port, username, database, schema } = t.dataSource.options as unknown as Record<string, unknown>;
  const dataSource = JSON.stringify({ type, host, port, username, database, schema, extra: { max: 2 } });
  const script = fileURLToPath(new URL('zone-node.mjs', import.meta.url));
  const nodes = new Map<string, ChildProcess>();
  for (const zone of ZONES) {
    const args = [library.url, dataSource, JSON.stringify(LIFETIMES)];
    nodes.set(zone, fork(script, args, { env: { ...process.env, TZ: zone }, execArgv: [] }));
  }
  await Promise.all([...nodes.values()].map((node) => once(node, 'message')));
  return {
    call: async (zone, instant, method, argument) => {
      const node = nodes.get(zone)!;
      node.send({ at: instant, method, argument });
      const [answer] = (await once(node, 'message')) as [{ error?: string; outcome: Plain | null; offset: number }];
      if (answer.error !== undefined) throw new Error(answer.error);
      expect(answer.offset).toBe(offsetOf(zone, instant));
      return answer.outcome;
    },
    stop: async () => {
      await Promise.all(
        [...nodes.values()].map(async (node) => {
          const gone = once(node, 'exit');
          node.disconnect();
          await gone;
        }),
      );
    },
  };
}

/** sql.js lives in one process only: that process moves from zone to zone instead. */
function travellerOf(t: TestApp): { call: Call; stop(): Promise<void> } {
  const home = process.env.TZ;
  const settle = (zone: string | undefined): void => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  };
  return {
    call: async (zone, instant, method, argument) => {
      settle(zone);
      at(instant);
      expect(new Date(instant).getTimezoneOffset()).toBe(offsetOf(zone, instant));
      const outcome = (await t.tokens[method](argument as never)) as IssuedTokens | AbstractAuthToken | null;
      settle(home);
      if (outcome === null) return null;
      const token = ('token' in outcome ? outcome.token : outcome) as unknown as Record<string, Date | null>;
      const names = ['createdAt', 'lastRefreshedAt', 'expiresAt', 'refreshUntil', 'sessionExpiresAt', 'rotatedAt'];
      const instants = Object.fromEntries(names.map((name) => [name, token[name]?.getTime() ?? null]));
      return { ...outcome, id: token.id, ...instants } as unknown as Plain;
    },
    stop: async () => settle(home),
  };
}

describe('writers and readers in different time zones', () => {
  let t: TestApp;
  let nodes: { call: Call; stop(): Promise<void> };
  beforeAll(async () => {
    t = await startApp({ options: LIFETIMES });
    nodes = DATABASE === 'sqljs' ? travellerOf(t) : await nodesOf(t);
  }, 120_000);
  afterAll(async () => {
    await nodes?.stop();
    await t?.close();
  });

  it.each([
    ['New York springs forward', Date.UTC(2026, 2, 8, 7), 'America/New_York'],
    ['New York falls back', Date.UTC(2026, 10, 1, 6), 'America/New_York'],
    ['Lord Howe springs forward by half an hour', Date.UTC(2026, 9, 3, 15, 30), 'Australia/Lord_Howe'],
    ['Lord Howe falls back by half an hour', Date.UTC(2026, 3, 4, 15), 'Australia/Lord_Howe'],
    ['no clock changes', NOW, 'Pacific/Kiritimati'],
  ])(
    'R24: agree on every instant while %s',
    async (name, change, writer) => {
      const { id: userId } = await t.createUser();
      const login = change - 30 * MINUTE + 7;
      const changes = offsetOf(writer, login) !== offsetOf(writer, login + HOUR);
      expect(changes).toBe(name !== 'no clock changes');

      const issued = (await nodes.call(writer, login, 'generateHeaderToken', userId))!;
      const bounds = {
        createdAt: login,
        lastRefreshedAt: login,
        expiresAt: login + HOUR,
        refreshUntil: login + 2 * HOUR,
        sessionExpiresAt: login + 3 * HOUR,
        rotatedAt: null,
      };
      expect(issued).toMatchObject(bounds);
      expect(await stored(t, issued.id)).toMatchObject(bounds);
      for (const reader of ZONES) {
        expect(await nodes.call(reader, login + HOUR - 1, 'verifyToken', issued.accessToken)).toMatchObject(bounds);
        expect(await nodes.call(reader, login + HOUR, 'verifyToken', issued.accessToken)).toBeNull();
        expect(await nodes.call(reader, login + 2 * HOUR, 'refreshToken', issued.refreshToken)).toBeNull();
      }

      const rotated = login + 2 * HOUR - 1;
      const successor = (await nodes.call('Asia/Kolkata', rotated, 'refreshToken', issued.refreshToken))!;
      expect(successor).toMatchObject({ id: issued.id, rotatedAt: rotated, expiresAt: rotated + HOUR });
      for (const reader of ZONES) {
        // A retry within the grace period, elsewhere.
        const retried = await nodes.call(reader, rotated + 30 * SECOND - 1, 'refreshToken', issued.refreshToken);
        expect(retried).toEqual(successor);
        expect(await nodes.call(reader, rotated + HOUR - 1, 'verifyToken', successor.accessToken)).not.toBeNull();
        expect(await nodes.call(reader, rotated + HOUR, 'verifyToken', successor.accessToken)).toBeNull();
        expect(await nodes.call(reader, login + 3 * HOUR, 'refreshToken', successor.refreshToken)).toBeNull();
      }
    },
    60_000,
  );
});

const SLIDING = {
  tokenTtl: '1h',
  refreshTokenTtl: '1d',
  sessionMaxTtl: '3d',
  autoRefreshInterval: '5m',
} satisfies AuthentifyOptions<User>;

describe.each([
  ['kept', true],
  ['deleted', false],
])('a clock that jumps, ended rows %s', (_, keepExpiredTokens) => {
  let t: TestApp;
  let user: User;
  beforeAll(async () => {
    t = await startApp({ options: { ...SLIDING, keepExpiredTokens }, controllers: [SlidingController] });
  });
  beforeEach(async () => {
    at(NOW);
    user = await t.createUser();
  });
  afterAll(() => t.close());

  const get = async (accessToken: string): Promise<number> =>
    (await send(`${t.url}/me`, { headers: bearer(accessToken) })).status;

  it.each([-DAY, -MINUTE, -1, 1, MINUTE])(
    'R28: by %i ms leaves the rotated pair dead and the new one alive',
    async (jump) => {
      const first = await t.tokens.generateHeaderToken(user);
      at(NOW + 10 * MINUTE);
      const second = (await t.tokens.refreshToken(first.refreshToken!))!;
      at(NOW + 10 * MINUTE + jump);
      expect(await t.tokens.verifyToken(first.accessToken)).toBeNull();
      expect((await t.tokens.verifyToken(second.accessToken))?.id).toBe(first.token.id);
      expect((await t.tokens.refreshToken(second.refreshToken!))?.token.id).toBe(first.token.id);
      expect(await t.tokens.verifyToken(second.accessToken)).toBeNull();
    },
  );

  it.each([-DAY, -1, 0, 1, MINUTE])('R18, R28: by %i ms brings no revoked session back', async (jump) => {
    const first = await t.tokens.generateHeaderToken(user);
    at(NOW + MINUTE);
    const second = (await t.tokens.refreshToken(first.refreshToken!))!;
    at(NOW + 20 * MINUTE);
    expect(await t.tokens.revokeToken(second.token)).toBe(1);
    const ended = await stored(t, first.token.id);
    at(NOW + 20 * MINUTE + jump);
    for (const { accessToken, refreshToken } of [first, second]) {
      expect(await t.tokens.verifyToken(accessToken)).toBeNull();
      expect(await t.tokens.refreshToken(refreshToken!)).toBeNull();
      expect(await get(accessToken)).toBe(401);
    }
    expect(await t.tokens.listUserTokens(user)).toEqual([]);
    expect(await stored(t, first.token.id)).toEqual(ended);
  });

  it('R28, R32: does not re-open a grace period that the next rotation closed', async () => {
    const first = await t.tokens.generateHeaderToken(user);
    at(NOW + 10 * MINUTE);
    const second = (await t.tokens.refreshToken(first.refreshToken!))!;
    at(NOW + 10 * MINUTE + SECOND);
    const third = (await t.tokens.refreshToken(second.refreshToken!))!;
    for (const instant of [NOW + 10 * MINUTE, NOW + 10 * MINUTE - SECOND, NOW, NOW - DAY]) {
      at(instant);
      expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
      expect(await t.tokens.verifyToken(second.accessToken)).toBeNull();
    }
    expect((await t.tokens.verifyToken(third.accessToken))?.id).toBe(first.token.id);
  });

  it('R28, R32: does not re-open a grace period whose salt the prune job wiped', async () => {
    const first = await t.tokens.generateHeaderToken(user);
    at(NOW + 10 * MINUTE);
    const second = (await t.tokens.refreshToken(first.refreshToken!))!;
    at(NOW + 12 * MINUTE);
    await t.tokens.revokeExpiredTokens();
    expect((await stored(t, first.token.id))?.salt).toBeNull();
    at(NOW + 10 * MINUTE + SECOND);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect((await t.tokens.verifyToken(second.accessToken))?.id).toBe(first.token.id);
  });

  it('R28, R32: does not re-open a grace period after a slide', async () => {
    const first = await t.tokens.generateHeaderToken(user);
    at(NOW + 10 * MINUTE);
    const second = (await t.tokens.refreshToken(first.refreshToken!))!;
    at(NOW + 15 * MINUTE);
    expect(await get(second.accessToken)).toBe(200);
    expect(await stored(t, first.token.id)).toMatchObject({ salt: null, lastRefreshedAt: NOW + 15 * MINUTE });
    at(NOW + 10 * MINUTE + SECOND);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await get(second.accessToken)).toBe(200);
  });

  it('R28, R31: does not undo the end of a session by reuse', async () => {
    const first = await t.tokens.generateHeaderToken(user);
    at(NOW + 10 * MINUTE);
    const second = (await t.tokens.refreshToken(first.refreshToken!))!;
    at(NOW + 10 * MINUTE + 30 * SECOND);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    at(NOW + 10 * MINUTE + SECOND);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await t.tokens.refreshToken(second.refreshToken!)).toBeNull();
    expect(await get(second.accessToken)).toBe(401);
  });

  it('R28: forward past every deadline and back ends and changes nothing that was only looked at', async () => {
    const { accessToken, refreshToken, token } = await t.tokens.generateHeaderToken(user);
    const before = await stored(t, token.id);
    at(NOW + 10 * DAY);
    expect(await get(accessToken)).toBe(401);
    expect(await t.tokens.refreshToken(refreshToken!)).toBeNull();
    expect(await stored(t, token.id)).toEqual(before);
    at(NOW + MINUTE);
    expect(await get(accessToken)).toBe(200);
    expect((await t.tokens.refreshToken(refreshToken!))?.token.id).toBe(token.id);
  });

  it('R28, R42: back after a slide writes nothing, and rotates without shortening', async () => {
    const { accessToken, refreshToken, token } = await t.tokens.generateHeaderToken(user);
    at(NOW + 30 * MINUTE);
    expect(await get(accessToken)).toBe(200);
    const slid = (await stored(t, token.id))!;
    expect(slid).toMatchObject({ expiresAt: NOW + 90 * MINUTE, refreshUntil: NOW + DAY + 30 * MINUTE });
    at(NOW - HOUR);
    expect(await get(accessToken)).toBe(200);
    expect(await stored(t, token.id)).toEqual(slid);
    await t.tokens.refreshToken(refreshToken!);
    const { lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt } = slid;
    const bounds = { lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt };
    expect(await stored(t, token.id)).toMatchObject(bounds);
  });

  it('R25, R28: forward to just before the session’s end, or back before login, never moves that end', async () => {
    let issued = await t.tokens.generateHeaderToken(user, { accessExpiresIn: '2d', refreshExpiresIn: '60h' });
    for (const instant of [NOW + 59 * HOUR, NOW - 5 * DAY, NOW + 71 * HOUR, NOW - 1, NOW + 72 * HOUR - 1]) {
      at(instant);
      issued = (await t.tokens.refreshToken(issued.refreshToken!))!;
      await get(issued.accessToken);
      const row = (await stored(t, issued.token.id))!;
      expect(row.sessionExpiresAt).toBe(NOW + 72 * HOUR);
      expect(row.expiresAt).toBeLessThanOrEqual(NOW + 72 * HOUR);
      expect(row.refreshUntil).toBeLessThanOrEqual(NOW + 72 * HOUR);
    }
    at(NOW + 72 * HOUR);
    expect(await get(issued.accessToken)).toBe(401);
  });

  it('R28, R43: a slide that came too late for its pair says nothing about the next pair', async () => {
    const first = await t.tokens.generateHeaderToken(user);
    // One request has read the row when another node, whose clock is not ahead of the login, rotates the pair.
    at(NOW + 6 * MINUTE);
    const slider = t.app.get(Sliding);
    const read = (await t.tokens.verifyToken(first.accessToken))!;
    const due = slider.due(read)!;
    at(NOW);
    const second = await t.tokens.refreshToken(first.refreshToken!);
    at(NOW + 6 * MINUTE);
    expect(await slider.slide(read, first.accessToken, due)).toBe('ended');

    expect((await t.tokens.verifyToken(second!.accessToken))?.id).toBe(first.token.id);
    expect(await get(second!.accessToken)).toBe(200);
  });

  it('R28, R43: a slide refused while the clock was ahead is not held against the session afterwards', async () => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    const slider = t.app.get(Sliding);
    at(NOW + 6 * MINUTE);
    const read = (await t.tokens.verifyToken(accessToken))!;
    const due = slider.due(read)!;
    at(NOW + 2 * HOUR);
    expect(await slider.slide(read, accessToken, due)).toBe('ended');
    at(NOW + 7 * MINUTE);
    expect((await t.tokens.verifyToken(accessToken))?.id).toBe(token.id);
    expect(await get(accessToken)).toBe(200);
  });

  const step = fc.record({
    jump: fc.oneof(
      fc.integer({ min: -2 * HOUR, max: 3 * HOUR }),
      fc.integer({ min: -MINUTE, max: MINUTE }),
      fc.constantFrom(0, 1, -1, 30 * SECOND, -30 * SECOND, 5 * MINUTE, HOUR, -HOUR),
    ),
    action: fc.constantFrom('request', 'request', 'rotate', 'retry', 'prune salts'),
  });

  const walks = fc.sample(fc.array(step, { minLength: 40, maxLength: 40 }), { seed: 20_260_115, numRuns: 6 });

  it.each([...walks.entries()])(
    'R24, R25, R28: on random walk %i everything goes by the stored bounds, and these only by the rules',
    async (_, walk) => {
      let now = NOW;
      let current = await t.tokens.generateHeaderToken(user);
      let previous: IssuedTokens | null = null;
      const dead: string[] = [];
      let row = (await stored(t, current.token.id))!;
      const sessionEnd = row.sessionExpiresAt!;

      for (const { jump, action } of walk) {
        now += jump;
        at(now);
        const live = now < row.expiresAt! && now < sessionEnd;
        const refreshable = now < row.refreshUntil! && now < sessionEnd;
        if (action === 'request') expect(await get(current.accessToken)).toBe(live ? 200 : 401);
        if (action === 'rotate') {
          const next = await t.tokens.refreshToken(current.refreshToken!);
          expect(next !== null).toBe(refreshable);
          if (next) {
            dead.push(current.accessToken);
            [previous, current] = [current, next];
          }
        }
        if (action === 'retry' && previous) {
          const distance = now - row.rotatedAt!;
          const again = await t.tokens.refreshToken(previous.refreshToken!);
          const replayed = refreshable && Math.abs(distance) < 30 * SECOND && row.salt !== null;
          expect(pairOf(again)).toEqual(replayed ? pairOf(current) : null);
          const after = await stored(t, current.token.id);
          const isEnded = after === null || after.revokedAt !== null;
          expect(isEnded).toBe(refreshable && distance >= 30 * SECOND);
          if (isEnded) {
            for (const jump of [0, -HOUR, -DAY]) {
              at(now + jump);
              expect(await t.tokens.verifyToken(current.accessToken)).toBeNull();
              expect(await t.tokens.refreshToken(current.refreshToken!)).toBeNull();
            }
            return;
          }
        }
        if (action === 'prune salts' && row.refreshUntil! > now) await t.tokens.revokeExpiredTokens();

        const after = (await stored(t, current.token.id))!;
        expect(after.sessionExpiresAt).toBe(sessionEnd);
        for (const deadline of ['expiresAt', 'refreshUntil'] as const) {
          expect(after[deadline]).toBeGreaterThanOrEqual(row[deadline]!);
          expect(after[deadline]).toBeLessThanOrEqual(sessionEnd);
        }
        expect(after.expiresAt).toBeLessThanOrEqual(Math.max(now, row.lastRefreshedAt!) + HOUR);
        for (const accessToken of dead) expect(await t.tokens.verifyToken(accessToken)).toBeNull();
        row = after;
      }
    },
  );
});
