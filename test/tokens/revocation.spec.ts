import { AbstractAuthToken, type TokenService, TokenOwner } from 'nestjs-authentify';
import { Column, Entity } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const HOUR = 3_600_000;

@Entity('auth_tokens')
class AuthToken extends AbstractAuthToken<User> {
  @TokenOwner(() => User) user!: User;

  @Column({ name: 'last_used_ip', type: 'varchar', length: 45, nullable: true }) lastUsedIp!: string | null;
}

type Tokens = TokenService<AuthToken>;
type Session = Awaited<ReturnType<Tokens['generateHeaderToken']>>;

describe('on two nodes', () => {
  let node: TestApp<AuthToken>;
  let other: TestApp<AuthToken>;
  let user: User;
  beforeAll(async () => {
    const options = { tokenTtl: '1h', refreshTokenTtl: '1d', sessionMaxTtl: '2d' };
    node = await startApp<AuthToken>({ tokenEntity: AuthToken, options });
    other = await startApp<AuthToken>({ tokenEntity: AuthToken, options, beside: node });
    user = await node.createUser();
  });
  afterAll(async () => {
    await other.close();
    await node.close();
  });
  const login = (): Promise<Session> => node.tokens.generateHeaderToken(user, { context: { device: 'mobile' } });

  it.each<[string, (tokens: Tokens, session: Session) => Promise<unknown>]>([
    ['revokeToken', (tokens, { token }) => tokens.revokeToken(token)],
    ['revokeUserToken', (tokens, { token }) => tokens.revokeUserToken(token.userId, token.id)],
    ['revokeAllUserTokens', (tokens, { token }) => tokens.revokeAllUserTokens(token.userId)],
    ['a refresh', (tokens, { refreshToken }) => tokens.refreshToken(refreshToken!)],
    ['the user being deactivated', (_, { token }) => users().update({ id: Number(token.userId) }, { isActive: false })],
  ])('R48: an access token is dead for the next request everywhere after %s', async (_, end) => {
    const session = await login();
    expect(await other.tokens.verifyToken(session.accessToken)).not.toBeNull();

    await end(node.tokens, session);

    expect(await other.tokens.verifyToken(session.accessToken)).toBeNull();
    expect(await node.tokens.verifyToken(session.accessToken)).toBeNull();
    await users().update({ id: user.id }, { isActive: true });
  });

  it('R39: a refresh keeps user, transport, context, columns of the app and the absolute end', async () => {
    const { refreshToken, token } = await login();
    await node.dataSource.getRepository(AuthToken).update({ id: token.id }, { lastUsedIp: '192.0.2.1' });

    const refreshed = await other.tokens.refreshToken(refreshToken!);

    expect(refreshed?.token).toMatchObject({
      id: token.id,
      userId: user.id,
      authType: 'header',
      context: { device: 'mobile' },
      lastUsedIp: '192.0.2.1',
      createdAt: token.createdAt,
      sessionExpiresAt: token.sessionExpiresAt,
    });
  });

  it('R53: lists live sessions without digests, ends the others after a password change, tells how old a login is', async () => {
    await node.tokens.revokeAllUserTokens(user);
    const [current, another] = [await login(), await login()];
    const listed = await node.tokens.listUserTokens(user);

    expect(listed.map(({ id }) => id).toSorted()).toEqual([current.token.id, another.token.id].toSorted());
    expect(Object.keys(listed[0]!).filter((name) => /hash|salt/i.test(name))).toEqual([]);
    expect(await node.tokens.revokeAllUserTokens(user, { except: current.token })).toBe(1);
    expect(await other.tokens.verifyToken(another.accessToken)).toBeNull();
    expect(Date.now() - (await other.tokens.verifyToken(current.accessToken))!.createdAt.getTime()).toBeLessThan(
      60_000,
    );
  });

  function users() {
    return node.dataSource.getRepository(User);
  }
});

describe('R17: an access token is refused as soon as one of these fails', () => {
  let t: TestApp;
  let user: User;
  beforeAll(async () => {
    t = await startApp({ options: { keepExpiredTokens: true } });
    user = await t.createUser();
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => t.close());

  it.each([
    ['not revoked', { revokedAt: new Date(NOW) }],
    ['not rotated away', { accessTokenHash: 'f'.repeat(64) }],
    ['not expired', { expiresAt: new Date(NOW) }],
    ['not past the end of the session', { sessionExpiresAt: new Date(NOW) }],
    ['right transport', { authType: 'cookie' }],
  ])('%s', async (_, change) => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW - HOUR });
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW);
    expect(await t.tokens.verifyToken(accessToken, 'header')).not.toBeNull();

    await t.dataSource.getRepository(t.tokenEntity).update({ id: token.id }, change as never);

    expect(await t.tokens.verifyToken(accessToken, 'header')).toBeNull();
  });
});
