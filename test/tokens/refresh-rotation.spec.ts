import { type AuthentifyEvent, AuthentifyEvents, type AuthentifyOptions } from 'nestjs-authentify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const SECOND = 1_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('refresh', () => {
  let t: TestApp;
  const events: AuthentifyEvent[] = [];

  async function start(options: AuthentifyOptions<User> = {}): Promise<void> {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    events.length = 0;
    t = await startApp({ options: { tokenTtl: '1h', refreshTokenTtl: '7d', ...options } as never });
    t.app.get(AuthentifyEvents).subscribe((event) => events.push(event));
  }
  const happened = (): string[] => events.map((event) => (event.type === 'rejected' ? event.reason : event.type));
  const login = async () => t.tokens.generateHeaderToken(await t.createUser(), { context: { device: 'mobile' } });
  /** Refreshes and expects success. */
  const refresh = async (token: string) => {
    const issued = await t.tokens.refreshToken(token);
    expect(issued).not.toBeNull();
    return { ...issued!, refreshToken: issued!.refreshToken! };
  };

  afterEach(() => t.close());

  it('R29, RFC 9700 §4.14.2: replaces both tokens at once and keeps the session', async () => {
    await start();
    const first = await login();
    vi.setSystemTime(NOW + 60 * SECOND);
    const second = await refresh(first.refreshToken!);

    expect(second.accessToken).not.toBe(first.accessToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(await t.tokens.verifyToken(first.accessToken)).toBeNull();
    expect(await t.tokens.verifyToken(second.accessToken)).toMatchObject({
      id: first.token.id,
      context: { device: 'mobile' },
      createdAt: new Date(NOW),
      lastRefreshedAt: new Date(NOW + 60 * SECOND),
      rotatedAt: new Date(NOW + 60 * SECOND),
      expiresAt: new Date(NOW + 60 * SECOND + HOUR),
      refreshUntil: new Date(NOW + 60 * SECOND + 7 * DAY),
    });
    expect(await t.rows()).toHaveLength(1);
  });

  it('R32: answers a retry with no pair that would not work, and ends nothing for it', async () => {
    await start();
    const first = await login();
    const second = await refresh(first.refreshToken!);
    const rows = t.dataSource.getRepository(t.tokenEntity);
    await rows.update({ id: first.token.id }, { rotationSalt: 'ab'.repeat(32) });
    events.length = 0;
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(happened()).toEqual(['overtaken']);
    expect(await t.tokens.verifyToken(second.accessToken)).not.toBeNull();
  });

  it('R32: answers a retry with the same pair, within the grace period only', async () => {
    await start({ refreshGracePeriod: '30s' });
    const first = await login();
    const second = await refresh(first.refreshToken!);

    vi.setSystemTime(NOW + 30 * SECOND - 1);
    const retry = await refresh(first.refreshToken!);
    expect([retry.accessToken, retry.refreshToken]).toEqual([second.accessToken, second.refreshToken]);
    expect(retry.token).toMatchObject({ expiresAt: second.token.expiresAt, refreshUntil: second.token.refreshUntil });
    expect(happened()).toEqual(['issued', 'refreshed', 'replayed']);

    vi.setSystemTime(NOW + 30 * SECOND);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(happened().slice(3)).toEqual(['reuse-detected', 'reuse']);
    expect(await t.tokens.verifyToken(second.accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(second.refreshToken)).toBeNull();
  });

  it('R31, R33, RFC 9700 §4.14.2: takes a token two generations old for stolen, even within the grace period', async () => {
    await start();
    const first = await login();
    const second = await refresh(first.refreshToken!);
    vi.setSystemTime(NOW + SECOND);
    const third = await refresh(second.refreshToken);

    vi.setSystemTime(NOW + 2 * SECOND);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();

    expect(happened()).toContain('reuse-detected');
    expect(await t.tokens.verifyToken(third.accessToken)).toBeNull();
  });

  it('R34, RFC 9700 §4.14.2: still recognises the very first token after many rotations', async () => {
    await start({ keepExpiredTokens: true });
    const first = await login();
    let current = first.refreshToken!;
    for (let generation = 1; generation <= 10; generation += 1) {
      vi.setSystemTime(NOW + generation * HOUR);
      current = (await refresh(current)).refreshToken;
    }
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await t.rows()).toMatchObject([{ revoked_reason: 'reuse-detected' }]);
  });

  it('with refreshGracePeriod 0 ends the session at the first retry', async () => {
    await start({ refreshGracePeriod: 0 });
    const first = await login();
    const second = await refresh(first.refreshToken!);

    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await t.tokens.verifyToken(second.accessToken)).toBeNull();
  });

  it('ends nothing for a call that started before the rotation it lost to', async () => {
    await start();
    const first = await login();
    const second = await refresh(first.refreshToken!);
    const third = await refresh(second.refreshToken);

    // Another node's clock runs five seconds late: its call started before those rotations.
    vi.setSystemTime(NOW - 5 * SECOND);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();

    expect(happened().at(-1)).toBe('overtaken');
    vi.setSystemTime(NOW);
    expect(await t.tokens.verifyToken(third.accessToken)).not.toBeNull();
  });

  it('R24: accepts a refresh token to its last millisecond', async () => {
    await start();
    const { refreshToken } = await login();
    const other = await login();

    vi.setSystemTime(NOW + 7 * DAY - 1);
    expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
    vi.setSystemTime(NOW + 7 * DAY);
    expect(await t.tokens.refreshToken(other.refreshToken!)).toBeNull();
    expect(happened().at(-1)).toBe('expired');
  });

  it('R25: never moves the absolute end, and clamps every lifetime to it', async () => {
    await start({ sessionMaxTtl: '10d' });
    let { refreshToken } = await login();
    for (const day of [6, 9.99]) {
      vi.setSystemTime(NOW + day * DAY);
      refreshToken = (await refresh(refreshToken!)).refreshToken;
    }
    const [session] = await t.tokens.listUserTokens(1);
    const end = new Date(NOW + 10 * DAY);
    expect(session).toMatchObject({ sessionExpiresAt: end, expiresAt: end, refreshUntil: end });

    vi.setSystemTime(end);
    expect(await t.tokens.refreshToken(refreshToken!)).toBeNull();
  });

  it("keeps the session's own lifetimes, and makes an override its own", async () => {
    await start();
    const user = await t.createUser();
    const first = await t.tokens.generateHeaderToken(user, { accessExpiresIn: '5m', refreshExpiresIn: '1h' });
    const second = await refresh(first.refreshToken!);
    expect(second.token.expiresAt).toEqual(new Date(NOW + 300 * SECOND));

    const third = await t.tokens.refreshToken(second.refreshToken, { accessExpiresIn: '10m' });
    const fourth = await refresh(third!.refreshToken!);
    expect(fourth.token.expiresAt).toEqual(new Date(NOW + 600 * SECOND));
    expect(fourth.token.refreshUntil).toEqual(new Date(NOW + HOUR));
  });

  it.each([
    ['null as refresh lifetime', { refreshExpiresIn: null }, RangeError],
    ['null as access lifetime', { accessExpiresIn: null }, RangeError],
    ['a refresh token that dies first', { accessExpiresIn: '2h', refreshExpiresIn: '1h' }, RangeError],
    ['a wrong type', { accessExpiresIn: [] }, TypeError],
  ])('R27: refuses %s before any SQL', async (_, options, error) => {
    await start();
    const { refreshToken } = await login();
    const statements = await t.statements.during(() =>
      expect(t.tokens.refreshToken(refreshToken!, options as never)).rejects.toThrow(error),
    );
    expect(statements).toEqual([]);
  });

  it("refuses an access lifetime beyond the session's own refresh lifetime and changes nothing", async () => {
    await start();
    const { refreshToken } = await login();
    await expect(t.tokens.refreshToken(refreshToken!, { accessExpiresIn: '8d' })).rejects.toThrow(RangeError);
    expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
  });

  it.each([undefined, null, 7, {}, ['x']])('R14: refuses %j with a TypeError and no SQL', async (value) => {
    await start();
    const statements = await t.statements.during(() =>
      expect(t.tokens.refreshToken(value as never)).rejects.toThrow(TypeError),
    );
    expect(statements).toEqual([]);
  });

  it('R28: shortens nothing when the clock was set back', async () => {
    await start();
    const first = await login();
    vi.setSystemTime(NOW + HOUR / 2);
    const second = await refresh(first.refreshToken!);
    vi.setSystemTime(NOW);
    const third = await refresh(second.refreshToken);

    expect(third.token.expiresAt).toEqual(second.token.expiresAt);
    expect(await t.tokens.verifyToken(first.accessToken)).toBeNull();
    expect(await t.tokens.verifyToken(second.accessToken)).toBeNull();
  });

  it('R32: gives nothing and ends nothing once the salt of the rotation is wiped', async () => {
    await start();
    const first = await login();
    const second = await refresh(first.refreshToken!);
    await t.dataSource.getRepository(t.tokenEntity).update({ id: first.token.id }, { rotationSalt: null } as never);

    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await t.tokens.verifyToken(second.accessToken)).not.toBeNull();
  });

  it('R18: never brings a revoked session back, kept or deleted', async () => {
    for (const keepExpiredTokens of [false, true]) {
      await start({ keepExpiredTokens });
      const first = await login();
      const second = await refresh(first.refreshToken!);
      expect(await t.tokens.revokeToken(second.token)).toBe(1);

      expect(await t.tokens.refreshToken(second.refreshToken)).toBeNull();
      expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
      expect(await t.tokens.verifyToken(second.accessToken)).toBeNull();
      expect(happened()).not.toContain('reuse-detected');
      if (!keepExpiredTokens) await t.close();
    }
  });
});
