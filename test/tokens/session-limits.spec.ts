import { type AuthentifyEvent, AuthentifyEvents } from 'nestjs-authentify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const HOUR = 3_600_000;

describe('single login and session limits', () => {
  const apps: TestApp[] = [];
  const start = async (setup: Parameters<typeof startApp>[0]): Promise<TestApp> => {
    const t = await startApp(setup);
    apps.unshift(t);
    return t;
  };
  afterEach(async () => {
    for (const t of apps.splice(0)) await t.close();
  });

  it('R45: a login ends all other sessions of the user, on both transports, and nobody else’s', async () => {
    const t = await start({ options: { enforceSingleLogin: true } });
    const [user, neighbour] = [await t.createUser(), await t.createUser()];
    const other = await t.tokens.generateHeaderToken(neighbour);
    const first = await t.tokens.generateHeaderToken(user);
    const second = await t.tokens.generateCookieToken(user);

    expect(await t.tokens.verifyToken(first.accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await t.tokens.verifyToken(second.accessToken)).not.toBeNull();
    expect(await t.tokens.verifyToken(other.accessToken)).not.toBeNull();
  });

  it('R45, R46: 20 concurrent logins all return, and exactly one session lives', async () => {
    const t = await start({ options: { enforceSingleLogin: true, keepExpiredTokens: true } });
    for (let round = 0; round < 5; round += 1) {
      const user = await t.createUser();
      const logins = await Promise.all(Array.from({ length: 20 }, () => t.tokens.generateHeaderToken(user)));
      expect(logins).toHaveLength(20);
      expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
    }
    const reasons = (await t.rows()).map((row) => row.revoked_reason).filter(Boolean);
    expect(new Set(reasons)).toEqual(new Set(['single-login']));
  });

  it('R47: keeps the newest N of concurrent and of sequential logins', async () => {
    const t = await start({ options: { maxSessionsPerUser: 3 } });
    const user = await t.createUser();
    await Promise.all(Array.from({ length: 12 }, () => t.tokens.generateHeaderToken(user)));
    expect(await t.tokens.listUserTokens(user)).toHaveLength(3);

    const ids: string[] = [];
    for (let login = 0; login < 5; login += 1) ids.push((await t.tokens.generateHeaderToken(user)).token.id);
    expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toEqual(ids.slice(-3).toReversed());
  });

  it('R47: does not count sessions that expired or were revoked', async () => {
    const t = await start({
      options: { maxSessionsPerUser: 2, tokenTtl: '1h', refreshTokenTtl: '2h', keepExpiredTokens: true },
    });
    const user = await t.createUser();
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    await t.tokens.generateHeaderToken(user);
    const revoked = await t.tokens.generateHeaderToken(user);
    await t.tokens.revokeToken(revoked.token);
    vi.setSystemTime(NOW + HOUR * 1.5);
    const refreshable = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + HOUR * 3);
    const fresh = await t.tokens.generateHeaderToken(user);

    expect(await t.tokens.refreshToken(refreshable.refreshToken!)).not.toBeNull();
    expect(await t.tokens.verifyToken(fresh.accessToken)).not.toBeNull();
  });

  it('R46: of logins one after the other on two nodes the later one lives, whatever their clocks say', async () => {
    const options = { enforceSingleLogin: true };
    const early = await start({ options });
    const late = await start({ options, beside: early });
    const user = await early.createUser();

    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const first = await early.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW - 5_000);
    const second = await late.tokens.generateHeaderToken(user);
    const third = await early.tokens.generateHeaderToken(user);

    expect(await early.tokens.verifyToken(first.accessToken)).toBeNull();
    expect(await early.tokens.verifyToken(second.accessToken)).toBeNull();
    expect(await early.tokens.verifyToken(third.accessToken)).not.toBeNull();
    expect(third.token.createdAt).toEqual(new Date(NOW + 2));
  });

  it('tells in an event when a simultaneous login was already outlived', async () => {
    const t = await start({ options: { enforceSingleLogin: true } });
    const events: AuthentifyEvent[] = [];
    t.app.get(AuthentifyEvents).subscribe((event) => events.push(event));
    const user = await t.createUser();
    const logins = await Promise.all(Array.from({ length: 10 }, () => t.tokens.generateHeaderToken(user)));

    const [live] = await t.tokens.listUserTokens(user);
    const issued = events.filter((event) => event.type === 'issued');
    expect(issued).toHaveLength(logins.length);
    expect(issued.find(({ sessionId }) => sessionId === live!.id)).toMatchObject({ alreadyEnded: false });
  });
});
