import { AuthentifyUserNotFoundError, type IssuedTokens } from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('issuing and verifying tokens', () => {
  let t: TestApp;
  const travelTo = (instant: number) => vi.useFakeTimers({ toFake: ['Date'], now: instant });

  beforeAll(async () => {
    t = await startApp({ options: { tokenTtl: '1h', refreshTokenTtl: '7d', sessionMaxTtl: '30d' } });
  });
  afterAll(() => t.close());

  it('issues a pair that verifies to its session and its user', async () => {
    const user = await t.createUser();
    const issued = await t.tokens.generateHeaderToken(user, { context: { device: 'mobile' } });

    const token = await t.tokens.verifyToken(issued.accessToken, 'header');

    expect(issued.accessToken).toMatch(/^af_at_[0-9A-Za-z]{49}$/);
    expect(issued.refreshToken).toMatch(/^af_rt_[0-9A-Za-z]{71}$/);
    expect(token).toMatchObject({
      id: issued.token.id,
      userId: user.id,
      authType: 'header',
      user: { email: user.email },
    });
    expect(token?.contextObj).toEqual({ device: 'mobile' });
    expect(issued.token).toMatchObject({ userId: user.id, context: { device: 'mobile' }, revokedAt: null });
  });

  it('takes a user as the entity or as its primary key', async () => {
    const user = await t.createUser();

    const byKey = await t.tokens.generateCookieToken(user.id);

    expect((await t.tokens.verifyToken(byKey.accessToken, 'cookie'))?.userId).toBe(user.id);
    expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
    expect(await t.tokens.listUserTokens(user.id)).toHaveLength(1);
  });

  it('R7: gives every login a pair and a session of its own', async () => {
    const user = await t.createUser();
    const logins = await Promise.all([1, 2, 3].map(() => t.tokens.generateHeaderToken(user)));

    expect(new Set(logins.map(({ accessToken }) => accessToken)).size).toBe(3);
    expect(new Set(logins.map(({ token }) => token.id)).size).toBe(3);
    expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toHaveLength(3);
  });

  it('R24: keeps an access token alive to its last millisecond and not for one more', async () => {
    travelTo(NOW);
    const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
    expect(token.expiresAt).toEqual(new Date(NOW + HOUR));

    vi.setSystemTime(NOW + HOUR - 1);
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    vi.setSystemTime(NOW + HOUR);
    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
  });

  it('R27: takes lifetimes per call, longer than the options too, and clamps them to the absolute end', async () => {
    travelTo(NOW);
    const user = await t.createUser();
    const issue = (accessExpiresIn: number | string | null, refreshExpiresIn: number | string | null) =>
      t.tokens.generateHeaderToken(user, { accessExpiresIn, refreshExpiresIn });

    const short = await issue(90, '10m');
    const long = await issue('60d', '61d');
    const endless = await issue(null, null);

    expect(short.token).toMatchObject({ expiresAt: new Date(NOW + 90_000), refreshUntil: new Date(NOW + 600_000) });
    expect(long.token).toMatchObject({ expiresAt: new Date(NOW + 30 * DAY), refreshUntil: new Date(NOW + 30 * DAY) });
    expect(endless.token).toMatchObject({ expiresAt: new Date(NOW + 30 * DAY), refreshUntil: null });
    expect(endless.refreshToken).toBeNull();
  });

  it.each([
    ['zero', { accessExpiresIn: 0 }, RangeError],
    ['negative', { accessExpiresIn: -5 }, RangeError],
    ['NaN', { refreshExpiresIn: Number.NaN }, RangeError],
    ['Infinity', { refreshExpiresIn: Number.POSITIVE_INFINITY }, RangeError],
    ['a word', { accessExpiresIn: 'soon' }, RangeError],
    ['a number without a unit in a string', { accessExpiresIn: '900' }, RangeError],
    ['an object', { accessExpiresIn: {} }, TypeError],
    ['a refresh token that dies first', { accessExpiresIn: '2h', refreshExpiresIn: '1h' }, RangeError],
    ['an endless access token beside a refresh token', { accessExpiresIn: null }, RangeError],
  ])('R27: refuses %s as a lifetime before any SQL', async (_, options, error) => {
    const user = await t.createUser();
    const statements = await t.statements.during(() =>
      expect(t.tokens.generateHeaderToken(user, options as never)).rejects.toThrow(error),
    );
    expect(statements).toEqual([]);
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['an empty string', ''],
    ['an object without a key', {}],
    ['NaN', Number.NaN],
    ['a boolean', true],
  ])('R21: refuses %s as a user with a TypeError before any SQL, in every method', async (_, user) => {
    const calls = [
      () => t.tokens.generateHeaderToken(user as never),
      () => t.tokens.generateCookieToken(user as never),
      () => t.tokens.revokeAllUserTokens(user as never),
      () => t.tokens.revokeAllExpiredUserTokens(user as never),
      () => t.tokens.listUserTokens(user as never),
      () => t.tokens.revokeUserToken(user as never, 'x'),
    ];
    const statements = await t.statements.during(async () => {
      for (const call of calls) await expect(call()).rejects.toThrow(TypeError);
    });
    expect(statements).toEqual([]);
  });

  it('R65: refuses a context that is no plain JSON before any SQL', async () => {
    const user = await t.createUser();
    const statements = await t.statements.during(() =>
      expect(t.tokens.generateHeaderToken(user, { context: { run: () => {} } as never })).rejects.toThrow(TypeError),
    );
    expect(statements).toEqual([]);
  });

  it('R65: lets no context set a column, and one request never changes what another sees', async () => {
    const user = await t.createUser();
    const id = 'forged';
    const issued = await t.tokens.generateHeaderToken(user, { context: { id, userId: 0, nested: { list: [1] } } });

    const first = await t.tokens.verifyToken(issued.accessToken);
    expect(() => {
      (first!.context.nested as { list: number[] }).list.push(2);
    }).toThrow(TypeError);

    expect(first).toMatchObject({ id: issued.token.id, userId: user.id });
    expect((await t.tokens.verifyToken(issued.accessToken))?.context).toEqual({ id, userId: 0, nested: { list: [1] } });
  });

  it('says so when the user does not exist', async () => {
    await expect(t.tokens.generateHeaderToken(987_654)).rejects.toThrow(AuthentifyUserNotFoundError);
    expect((await t.rows()).filter((row) => row.user_id === 987_654)).toEqual([]);
  });

  it.each(['', 'x', 'Bearer', undefined, null, 7, {}, [], 'af_at_' + '0'.repeat(49)])(
    'R14, R16: finds no session behind %j, without SQL',
    async (value) => {
      const statements = await t.statements.during(async () =>
        expect(await t.tokens.verifyToken(value as never)).toBeNull(),
      );
      expect(statements).toEqual([]);
    },
  );

  it('R19: never takes a refresh token for an access token, or the reverse', async () => {
    const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
    const statements = await t.statements.during(async () => {
      expect(await t.tokens.verifyToken(refreshToken!)).toBeNull();
      expect(await t.tokens.refreshToken(accessToken)).toBeNull();
    });
    expect(statements).toEqual([]);
  });

  it('R20: holds a token to its transport where the caller states it', async () => {
    const user = await t.createUser();
    const header = await t.tokens.generateHeaderToken(user);
    const cookie = await t.tokens.generateCookieToken(user);

    expect(await t.tokens.verifyToken(header.accessToken, 'cookie')).toBeNull();
    expect(await t.tokens.verifyToken(cookie.accessToken, 'header')).toBeNull();
    expect(await t.tokens.refreshToken(cookie.refreshToken!, { authType: 'header' })).toBeNull();
    expect(await t.tokens.verifyToken(header.accessToken)).not.toBeNull();
    expect(await t.tokens.refreshToken(cookie.refreshToken!, { authType: 'cookie' })).not.toBeNull();
  });

  it('R51: shuts out a deactivated user at the next request and the next refresh, and a deleted one for good', async () => {
    const users = t.dataSource.getRepository('User');
    const user = await t.createUser();
    const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(user);

    await users.update({ id: user.id }, { isActive: false });
    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(refreshToken!)).toBeNull();

    await users.update({ id: user.id }, { isActive: true });
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();

    await users.delete({ id: user.id });
    await users.insert({ id: user.id, email: 'another person' });
    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
    expect(await t.tokens.listUserTokens(user.id)).toEqual([]);
  });

  it('answers in JSON what a client needs, and nothing else', async () => {
    travelTo(NOW);
    const issued: IssuedTokens = await t.tokens.generateHeaderToken(await t.createUser());

    expect(Object.isFrozen(issued)).toBe(true);
    expect(JSON.parse(JSON.stringify(issued))).toEqual({
      accessToken: issued.accessToken,
      refreshToken: issued.refreshToken,
      expiresAt: new Date(NOW + HOUR).toISOString(),
      refreshUntil: new Date(NOW + 7 * DAY).toISOString(),
    });
  });
});

describe('transport restriction switched off', () => {
  it('takes any token on any transport', async () => {
    const t = await startApp({ options: { enableAuthRestriction: false } });
    try {
      const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
      expect(await t.tokens.verifyToken(accessToken, 'cookie')).not.toBeNull();
      expect(await t.tokens.refreshToken(refreshToken!, { authType: 'cookie' })).not.toBeNull();
    } finally {
      await t.close();
    }
  });
});
