import { Logger } from '@nestjs/common';
import { AuthentifyConfigurationError, AuthentifyUnavailableError } from 'nestjs-authentify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { bearer, send } from './client.js';
import { GuardedController, OptionalController, PlainController } from './controllers.js';

const PATHS = ['/guarded/header', '/guarded/either', '/optional/header', '/plain/header'];

/** What the app's function answers in this moment. */
let answer: () => unknown = () => true;

describe.each(ADAPTERS)('isUserActive of the app, on %s', (adapter) => {
  let t: TestApp;
  const errors: string[] = [];

  const start = async () => {
    answer = () => true;
    t = await startApp({
      adapter,
      controllers: [GuardedController, OptionalController, PlainController],
      options: { isUserActive: (user) => (user.email === 'other@example.com' || answer()) as boolean },
    });
    Logger.overrideLogger({ log() {}, warn() {}, error: (message: unknown) => errors.push(String(message)) });
    errors.length = 0;
    return t.tokens.generateHeaderToken(await t.createUser());
  };
  afterEach(async () => {
    vi.useRealTimers();
    Logger.overrideLogger(false);
    await t.close();
  });

  it('R75: is answered with 503 where it never settles, logged once; others go on, and so does the session', async () => {
    const { accessToken, refreshToken } = await start();
    const other = await t.tokens.generateHeaderToken(await t.createUser({ email: 'other@example.com' }));
    let settle = (_value: boolean): void => {};
    answer = () =>
      new Promise((resolve) => {
        settle = resolve;
        // The clock moves as soon as the last of them waits.
        waiting += 1;
        if (waiting === PATHS.length + 1) void Promise.resolve().then(() => vi.advanceTimersByTimeAsync(5_000));
      });
    let waiting = 0;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const refresh = t.tokens.refreshToken(refreshToken!).catch((error: unknown) => error);
    const answers = await Promise.all(PATHS.map((path) => send(t.url + path, { headers: bearer(accessToken) })));
    vi.useRealTimers();
    for (const { status, text, headers } of answers) {
      expect([status, JSON.parse(text)]).toEqual([503, { statusCode: 503, message: 'Service Unavailable' }]);
      expect(headers).not.toHaveProperty('www-authenticate');
    }
    expect(await refresh).toBeInstanceOf(AuthentifyUnavailableError);
    expect(((await refresh) as Error).cause).toMatchObject({ message: expect.stringContaining('isUserActive') });
    expect(errors.filter((message) => message.includes('isUserActive'))).toHaveLength(1);
    expect((await send(t.url + PATHS[0], { headers: bearer(other.accessToken) })).status).toBe(200);

    settle(true);
    answer = () => Promise.resolve(true);
    expect((await send(t.url + PATHS[0], { headers: bearer(accessToken) })).status).toBe(200);
    expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
  });

  it('R73: lets nobody in who is not clearly active, awaited or not', async () => {
    const { accessToken } = await start();
    const statusFor = async (value: unknown): Promise<number[]> => {
      const statuses: number[] = [];
      for (answer of [() => value, () => Promise.resolve(value)]) {
        statuses.push((await send(t.url + PATHS[0], { headers: bearer(accessToken) })).status);
      }
      return statuses;
    };
    for (const yes of [true, 1, '1', 1n, Buffer.from([1])])
      expect(await statusFor(yes), String(yes)).toEqual([200, 200]);
    for (const no of [false, undefined, null, 0, '0', '', 0n, Number.NaN, Buffer.from([0])]) {
      expect(await statusFor(no), String(no)).toEqual([401, 401]);
    }
    for (const neither of ['no', 'locked', {}, [], new Date(), () => true]) {
      expect(await statusFor(neither), String(neither)).toEqual([500, 500]);
    }
    answer = () => 'locked';
    await expect(t.tokens.verifyToken(accessToken)).rejects.toThrow(AuthentifyConfigurationError);
  });
});
