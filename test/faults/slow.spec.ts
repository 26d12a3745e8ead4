import { SessionWatcher } from 'nestjs-authentify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bearer, cookie, send } from '../requests/client.js';
import { GuardedController, OptionalController } from '../requests/controllers.js';
import { DATABASE } from '../support/database.js';
import { errorsDuring, type FaultyApp, IS_SERVER, outcomeOf, pairOf, patiently, startBehindProxy } from './faults.js';
import { MOMENTS } from './proxy.js';

const READ = /SELECT .*auth_tokens/s;
const WRITE = /UPDATE .*auth_tokens/s;
const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;

describe.skipIf(!IS_SERVER)('a slow database', () => {
  let t: FaultyApp;
  beforeEach(async () => {
    t = await startBehindProxy({ controllers: [GuardedController, OptionalController] });
  });
  afterEach(() => t.close());
  const login = async () => t.tokens.generateHeaderToken(await t.createUser());

  it('R35: a client that gave up waiting and asks again gets the pair of its first call', async () => {
    const { refreshToken } = await login();
    const stopped = t.proxy.stopAt({ statement: WRITE, moment: 'before its answer' });
    const slow = t.tokens.refreshToken(refreshToken!);
    const stop = await stopped;
    const retried = await t.tokens.refreshToken(refreshToken!);
    stop.resume();
    expect(pairOf(await slow)).toEqual(pairOf(retried));
    expect(await t.tokens.verifyToken(retried!.accessToken)).not.toBeNull();
    expect((await t.rows()).map((row) => row.revoked_at)).toEqual([null]);
  });

  it('R35: a rotation that arrives after its client’s retry changes nothing', async () => {
    const { refreshToken } = await login();
    const stopped = t.proxy.stopAt({ statement: WRITE, moment: 'before it arrives' });
    const gaveUp = outcomeOf(t.tokens.refreshToken(refreshToken!));
    const stop = await stopped;
    const retried = await t.tokens.refreshToken(refreshToken!);
    const [before] = await t.rows();
    await stop.deliver();
    expect(await gaveUp).toBe('503');
    expect(await t.rows()).toEqual([before]);
    expect(pairOf(await patiently(() => t.tokens.refreshToken(refreshToken!)))).toEqual(pairOf(retried));
  });

  it('R62: answers in the end as if nothing had been, on required and optional routes', async () => {
    const { accessToken, token } = await login();
    const stopped = t.proxy.stopAt({ statement: READ, moment: 'before its answer' });
    const visits = ['/guarded/header', '/optional/header'].map((path) =>
      send(t.url + path, { headers: bearer(accessToken) }),
    );
    (await stopped).resume();
    for (const { status, json } of await Promise.all(visits)) expect([status, json.session]).toEqual([200, token.id]);
  });

  it('R48: a session ended while its look-up is on the way is refused to whoever arrives afterwards', async () => {
    const { accessToken, token } = await login();
    const stopped = t.proxy.stopAt({ statement: READ, moment: 'before its answer' });
    const early = t.tokens.verifyToken(accessToken);
    const stop = await stopped;
    await t.tokens.revokeToken(token);
    const late = t.tokens.verifyToken(accessToken);
    stop.resume();
    expect(await late).toBeNull();
    expect((await early)?.id).toBe(token.id);
  });

  it('keeps no watched session open past its expiry', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'], now: NOW });
    const { token } = await t.tokens.generateHeaderToken(await t.createUser(), { accessExpiresIn: '15s' });
    const watcher = t.app.get(SessionWatcher);
    const told: string[] = [];
    watcher.ended(token).subscribe((reason) => told.push(reason));
    await watcher.check(token);
    const stopped = t.proxy.stopAt({ statement: READ, moment: 'before its answer' });
    await vi.advanceTimersByTimeAsync(15_000);
    const stop = await stopped;
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual(['expired']);
    stop.resume();
  });

  it('a look-up that hangs delays no other session', async () => {
    const [hanging, other] = [await login(), await login()];
    const stopped = t.proxy.stopAt({ statement: READ, moment: 'before its answer' });
    const slow = t.tokens.verifyToken(hanging.accessToken);
    const stop = await stopped;
    expect(await t.tokens.verifyToken(other.accessToken)).not.toBeNull();
    stop.resume();
    expect(await slow).not.toBeNull();
  });
});

describe.runIf(DATABASE === 'postgres')('a driver that gives up waiting', () => {
  it('R35, R62: makes a 503 of it, and the retry gets the pair', async () => {
    const t = await startBehindProxy({ dataSource: { extra: { max: 10, query_timeout: 1_500 } } as object });
    try {
      const { refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
      const stopped = t.proxy.stopAt({ statement: WRITE, moment: 'before its answer' });
      const during = outcomeOf(t.tokens.refreshToken(refreshToken!));
      const stop = await stopped;
      expect(await during).toBe('503');
      stop.cut();
      const retried = await patiently(() => t.tokens.refreshToken(refreshToken!));
      expect(await t.tokens.verifyToken(retried!.accessToken)).not.toBeNull();
    } finally {
      await t.close();
    }
  });
});

describe.skipIf(!IS_SERVER)('a slide whose connection is cut', () => {
  let t: FaultyApp;
  afterEach(() => t.close());

  it.each(MOMENTS)('R44: %s, lets the request go on and is made up for by a later one', async (moment) => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    t = await startBehindProxy({
      controllers: [GuardedController],
      extras: { autoRefresh: true },
      options: { tokenTtl: '1h', refreshTokenTtl: '1d', autoRefreshInterval: '5m', autoRefreshMaxTtl: '5d' },
    });
    const session = await t.tokens.generateCookieToken(await t.createUser());
    const visit = () => send(`${t.url}/guarded/cookie`, { headers: cookie(session.accessToken) });
    const answer = moment === 'after its answer' ? [200, 1] : [200, 0];
    vi.setSystemTime(NOW + 10 * MINUTE);

    const errors = await errorsDuring(async () => {
      const struck = t.proxy.cutAt({ statement: WRITE, moment }, 'reset');
      const { status, cookies } = await visit();
      expect([status, cookies.length]).toEqual(answer);
      await struck;
      await t.proxy.restore();
    });
    expect(errors.filter((line) => line.includes('could not be extended'))).toHaveLength(answer[1] === 1 ? 0 : 1);
    expect(errors.join()).not.toMatch(/UPDATE |auth_tokens|af_at_/);

    let later = await visit();
    for (let tries = 0; tries < 10 && later.status === 503; tries += 1) later = await visit();
    // Where the first write was lost only in its answer, there is nothing left to slide.
    expect([later.status, later.cookies.length]).toEqual([200, moment === 'before it arrives' ? 1 : 0]);
    const [row] = await t.inspect(`SELECT * FROM ${t.table}`);
    expect([Number(row!.last_refreshed_at), row!.revoked_at]).toEqual([NOW + 10 * MINUTE, null]);
  });
});
