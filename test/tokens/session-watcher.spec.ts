import { Logger } from '@nestjs/common';
import { AuthentifyEvents, type IssuedTokens, type RejectionReason, SessionWatcher } from 'nestjs-authentify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A watch, and what it has told so far. */
interface Watching {
  id: string;
  told: (RejectionReason | 'complete')[];
  over: Promise<void>;
  stop(): void;
}

describe('SessionWatcher', () => {
  let t: TestApp;
  let other: TestApp | undefined;
  let user: User;
  let watcher: SessionWatcher;

  const start = async (setup: Setup = {}): Promise<void> => {
    t = await startApp({ ...setup, options: { tokenTtl: '10m', refreshTokenTtl: '1h', ...setup.options } });
    t.app.useLogger(false);
    user = await t.createUser();
    watcher = t.app.get(SessionWatcher);
  };
  /** A second node on the same database. */
  const startOther = async (): Promise<void> => {
    other = await startApp({ beside: t });
  };
  const login = () => t.tokens.generateHeaderToken(user);
  const watch = async ({ token }: Pick<IssuedTokens, 'token'>): Promise<Watching> => {
    const told: Watching['told'] = [];
    let stop = (): void => {};
    const over = new Promise<void>((resolve) => {
      const subscription = watcher.ended(token).subscribe({
        next: (reason) => told.push(reason),
        complete: () => {
          told.push('complete');
          resolve();
        },
      });
      stop = () => subscription.unsubscribe();
    });
    // The look-up that a watch begins with comes before this.
    await watcher.check({ id: '' });
    return { id: token.id, told, over, stop };
  };
  /** Lets so much time pass, and whatever the timers began come to its end. */
  const pass = async (time: number): Promise<void> => {
    await vi.advanceTimersByTimeAsync(time);
    await watcher.check({ id: '' });
  };
  const looksDuring = async (work: () => Promise<unknown>): Promise<number> =>
    (await t.statements.during(work)).filter((sql) => sql.startsWith('SELECT')).length;

  beforeEach(() => {
    // Timers too, other than where suites need the drivers' own: nothing here waits for them.
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: NOW });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await other?.app.close();
    other = undefined;
    await t.close();
  });

  it('tells of every ending on this node at once', async () => {
    await start({ options: { maxSessionsPerUser: 5 } });
    const endings: Record<string, (issued: IssuedTokens) => Promise<unknown>> = {
      revokeToken: ({ token }) => t.tokens.revokeToken(token),
      revokeUserToken: ({ token }) => t.tokens.revokeUserToken(user, token.id),
      revokeAllUserTokens: () => t.tokens.revokeAllUserTokens(user),
      'by the key as a string': () => t.tokens.revokeAllUserTokens(String(user.id)),
      'reuse of a refresh token': async ({ refreshToken }) => {
        await t.tokens.refreshToken(refreshToken!);
        vi.setSystemTime(Date.now() + MINUTE);
        await t.tokens.refreshToken(refreshToken!);
      },
      'the limit of sessions': async () => {
        for (let count = 0; count < 5; count += 1) await login();
      },
    };
    for (const [name, end] of Object.entries(endings)) {
      const issued = await login();
      const watching = await watch(issued);
      expect(watching.told, name).toEqual([]);
      await end(issued);
      await watching.over;
      expect(watching.told, name).toEqual(['revoked', 'complete']);
    }
  });

  it('lets the sessions be that are not meant', async () => {
    await start();
    const [current, ended, stranger] = [await login(), await login(), await t.createUser()];
    const foreign = await t.tokens.generateHeaderToken(stranger);
    const watching = [await watch(current), await watch(foreign)];
    const gone = await watch(ended);
    await t.tokens.revokeAllUserTokens(user, { except: current.token });
    await gone.over;
    await pass(SECOND);
    expect(watching.map(({ told }) => told)).toEqual([[], []]);
  });

  it('asks one question for all sessions each interval, and none when nobody watches', async () => {
    await start();
    const sessions = await Promise.all(Array.from({ length: 50 }, login));
    let watching: Watching[] = [];
    const begin = await looksDuring(async () => {
      watching = await Promise.all(sessions.map(watch));
    });
    expect(begin).toBe(1);
    expect(await looksDuring(() => pass(29 * SECOND))).toBe(0);
    expect(await looksDuring(() => pass(SECOND))).toBe(1);
    expect(await looksDuring(() => pass(30 * SECOND))).toBe(1);
    for (const watch of watching) watch.stop();
    expect(await looksDuring(() => pass(5 * MINUTE))).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('asks about many thousand sessions in batches', async () => {
    await start();
    const { token } = await login();
    const many = Array.from({ length: 2_500 }, (_, index) =>
      Object.assign(Object.create(token), { id: `gone-${index}` }),
    );
    const watching = many.map((one: typeof token) => watch({ token: one }));
    const looks = await looksDuring(async () => {
      for (const { told } of await Promise.all(watching)) expect(told).toEqual(['revoked', 'complete']);
    });
    expect(looks).toBe(3);
  });

  it('finds out within the interval what another node ended', async () => {
    await start({ options: { sessionCheckInterval: '5s' } });
    await startOther();
    const watching = await watch(await login());
    await other!.tokens.revokeAllUserTokens(user);
    await pass(5 * SECOND - 1);
    expect(watching.told).toEqual([]);
    await pass(1);
    expect(watching.told).toEqual(['revoked', 'complete']);
  });

  it('R24: tells of an expiry to the millisecond', async () => {
    await start({ options: { keepExpiredTokens: true } });
    const watching = await watch(await login());
    await pass(10 * MINUTE - 1);
    expect(watching.told).toEqual([]);
    await pass(1);
    expect(watching.told).toEqual(['expired', 'complete']);
  });

  it('R25: tells of the absolute end', async () => {
    await start({ options: { sessionMaxTtl: '12m' } });
    const issued = await login();
    const watching = await watch(issued);
    await pass(9 * MINUTE);
    await t.tokens.refreshToken(issued.refreshToken!);
    await pass(3 * MINUTE - 1);
    expect(watching.told).toEqual([]);
    await pass(1);
    expect(watching.told).toEqual(['expired', 'complete']);
  });

  it('follows the deadline that a refresh moves, here and on another node, and moves the entity along', async () => {
    await start();
    await startOther();
    const issued = await login();
    const watching = await watch(issued);
    await pass(9 * MINUTE + 59 * SECOND);
    const second = await other!.tokens.refreshToken(issued.refreshToken!);
    await pass(SECOND);
    expect(watching.told).toEqual([]);
    expect(issued.token.expiresAt).toEqual(second!.token.expiresAt);
    await pass(8 * MINUTE);
    const third = await t.tokens.refreshToken(second!.refreshToken!);
    await pass(third!.token.expiresAt!.getTime() - Date.now() - 1);
    expect(watching.told).toEqual([]);
    await pass(1);
    expect(watching.told).toEqual(['expired', 'complete']);
  });

  it('tells of a session that had ended before it was watched', async () => {
    await start();
    const [revoked, expired] = [await login(), await login()];
    await t.tokens.revokeToken(revoked.token);
    expect((await watch(revoked)).told).toEqual(['revoked', 'complete']);
    vi.setSystemTime(expired.token.expiresAt!);
    expect((await watch(expired)).told).toEqual(['expired', 'complete']);
  });

  it('R51: tells of users that were deactivated or deleted', async () => {
    await start();
    const users = t.dataSource.getRepository('users');
    const inactive = await watch(await login());
    await users.update({ id: user.id }, { isActive: false });
    await pass(30 * SECOND);
    expect(inactive.told).toEqual(['user-inactive', 'complete']);
    user = await t.createUser();
    const gone = await watch(await login());
    await users.delete({ id: user.id });
    await pass(30 * SECOND);
    expect(gone.told).toEqual(['revoked', 'complete']);
  });

  it.each<[string, () => Promise<boolean>]>([
    ['never answers', () => new Promise(() => {})],
    ['throws', () => Promise.reject(new Error('The directory is away'))],
  ])('R75: an isUserActive that %s for one user hides nobody else, and no deadline', async (what, fail) => {
    const stuck = new Set<number>();
    await start({ options: { isUserActive: (one) => (stuck.has(one.id) ? fail() : true) } });
    const errors: unknown[][] = [];
    Logger.overrideLogger({ log() {}, warn() {}, error: (...parts: unknown[]) => errors.push(parts) });
    const hanging = await watch(await login());
    stuck.add(user.id);
    user = await t.createUser();
    const [leaving, expiring] = [await watch(await login()), await watch(await login())];
    // A round begins, and cannot come to its end for one of them.
    await vi.advanceTimersByTimeAsync(30 * SECOND);
    await t.dataSource.getRepository(t.tokenEntity).delete({ id: leaving.id });
    await watcher.check({ id: leaving.id });
    expect([hanging.told, leaving.told, expiring.told]).toEqual([[], ['revoked', 'complete'], []]);

    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    await Promise.all([hanging.over, expiring.over]);
    expect([hanging.told, expiring.told]).toEqual([
      ['expired', 'complete'],
      ['expired', 'complete'],
    ]);
    Logger.overrideLogger(false);
    const told = errors.filter((parts) => JSON.stringify(parts).includes(hanging.id));
    const late = errors.filter((parts) => String(parts[0]).startsWith('isUserActive has not answered for 5 seconds'));
    if (what === 'throws') expect(told.length).toBeGreaterThan(0);
    else expect([late.length, told.length]).toEqual([1, 0]);
  });

  it('waits longer than timers of Node can', async () => {
    await start({ options: { sessionCheckInterval: '60d', tokenTtl: '90d', refreshTokenTtl: '100d' } });
    const watching = await watch(await login());
    const looks = await looksDuring(async () => {
      await pass(59 * DAY);
      expect(watching.told).toEqual([]);
    });
    expect(looks).toBe(0);
    expect(await looksDuring(() => pass(DAY))).toBe(1);
    await pass(30 * DAY);
    expect(watching.told).toEqual(['expired', 'complete']);
  });

  it('R62: keeps sessions through an outage, but not past their known expiry', async () => {
    await start();
    const errors: unknown[] = [];
    Logger.overrideLogger({ log() {}, warn() {}, error: (...parts: unknown[]) => errors.push(parts) });
    const watching = await watch(await login());
    await t.dataSource.destroy();
    await pass(30 * SECOND);
    await pass(9 * MINUTE);
    expect(watching.told).toEqual([]);
    await pass(30 * SECOND);
    expect(watching.told).toEqual(['expired', 'complete']);
    Logger.overrideLogger(false);
    expect(errors.length).toBeGreaterThan(0);
    expect(JSON.stringify(errors)).not.toMatch(/SELECT|af_at_/);
    await t.dataSource.initialize();
  });

  it('asks again while an earlier question is under way: that answer may be older (R48)', async () => {
    await start();
    const issued = await login();
    const watching = await watch(issued);
    const first = watcher.check(issued.token);
    await t.dataSource.getRepository(t.tokenEntity).delete({ id: issued.token.id });
    await watcher.check(issued.token);
    expect(watching.told).toEqual(['revoked', 'complete']);
    await first;
  });

  it('leaves no timer and no subscriber behind when the app closes', async () => {
    await start();
    const watching = await watch(await login());
    await t.app.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(t.app.get(AuthentifyEvents)['subject'].observed).toBe(false);
    watching.stop();
  });
});
