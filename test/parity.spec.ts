import { Body, Controller, Delete, Get, HttpCode, Injectable, Post, Req, Res, UseGuards } from '@nestjs/common';
import {
  AbstractAuthToken,
  type AuthenticatedRequest,
  type AuthHandler,
  type AuthHandlerInput,
  AuthentifyConfigurationError,
  AuthType,
  CookieAuthGuard,
  CurrentToken,
  HeaderAuthGuard,
  type IssueTokenOptions,
  Public,
  RequireContext,
  TokenCookies,
  TokenOwner,
  TokenRepository,
  TokenService,
} from 'nestjs-authentify';
import { Column, Entity } from 'typeorm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from './support/app.js';
import { User } from './support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

@Entity('auth_tokens')
class AuthToken extends AbstractAuthToken<User> {
  @TokenOwner(() => User) user!: User;

  @Column({ name: 'last_used_ip', type: 'varchar', length: 45, nullable: true }) lastUsedIp!: string | null;
}

@Controller()
class SampleController {
  constructor(
    private readonly tokens: TokenService<AuthToken>,
    private readonly cookies: TokenCookies,
  ) {}

  @Public()
  @Post('login')
  async login(
    @Body() { userId, mode, ...options }: { userId: number; mode: AuthType } & IssueTokenOptions,
    @Res({ passthrough: true }) response: object,
  ) {
    if (mode === AuthType.HEADER) return this.tokens.generateHeaderToken(userId, options);
    this.cookies.set(response, await this.tokens.generateCookieToken(userId, options));
    return {};
  }

  @Public()
  @Post('refresh')
  async refresh(@Body('refreshToken') refreshToken: string) {
    return (await this.tokens.refreshToken(refreshToken)) ?? { refused: true };
  }

  @Get('me')
  me(@Req() { user, auth }: AuthenticatedRequest<User, AuthToken>) {
    return { email: user.email, session: auth.id, device: auth.contextObj.device ?? null };
  }

  @Get('mobile')
  @RequireContext({ device: 'mobile' })
  mobile(): string {
    return 'for phones';
  }

  @Delete('session')
  @HttpCode(204)
  logout(@CurrentToken() token: AuthToken) {
    return this.tokens.revokeToken(token);
  }

  @Get('header-only')
  @UseGuards(HeaderAuthGuard)
  headerOnly(): string {
    return 'ok';
  }

  @Get('cookie-only')
  @UseGuards(CookieAuthGuard)
  cookieOnly(): string {
    return 'ok';
  }
}

describe.each(ADAPTERS)('parity with drf-authentify on %s', (adapter) => {
  let t: TestApp<AuthToken>;
  const running: TestApp<AuthToken>[] = [];
  const start = async (setup: Omit<NonNullable<Parameters<typeof startApp<AuthToken>>[0]>, 'adapter'> = {}) => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const extras = { guardAllRoutes: true, ...setup.extras };
    t = await startApp<AuthToken>({
      tokenEntity: AuthToken,
      controllers: [SampleController],
      ...setup,
      extras,
      adapter,
    });
    running.push(t);
    return t.createUser();
  };
  afterEach(async () => {
    for (const app of running.splice(0)) await app.close();
  });

  const call = (path: string, init: { method?: string; token?: string; cookie?: string; body?: object } = {}) =>
    fetch(`${t.url}/${path}`, {
      method: init.method ?? (init.body ? 'POST' : 'GET'),
      headers: {
        ...(init.token && { authorization: `Bearer ${init.token}` }),
        ...(init.cookie && { cookie: init.cookie }),
        ...(init.body && { 'content-type': 'application/json' }),
      },
      ...(init.body && { body: JSON.stringify(init.body) }),
    });

  it('INSTALLED_APPS, DEFAULT_AUTHENTICATION_CLASSES: forRoot with guardAllRoutes, or @UseGuards', async () => {
    const user = await start();
    const header = await t.tokens.generateHeaderToken(user);
    const cookie = await t.tokens.generateCookieToken(user);
    const cookieHeader = `__Host-token=${cookie.accessToken}`;

    expect((await call('me')).status).toBe(401);
    expect((await call('me', { token: header.accessToken })).status).toBe(200);
    expect((await call('me', { cookie: cookieHeader })).status).toBe(200);
    expect((await call('header-only', { cookie: cookieHeader })).status).toBe(401);
    expect((await call('cookie-only', { cookie: cookieHeader })).status).toBe(200);
  });

  it('generate_header_token(user, context, access_expires_in, refresh_expires_in)', async () => {
    const user = await start();
    const { accessToken, refreshToken, token } = await t.tokens.generateHeaderToken(user, {
      context: { device: 'mobile' },
      accessExpiresIn: 900,
      refreshExpiresIn: '2h',
    });
    expect(token).toMatchObject({
      authType: 'header',
      context: { device: 'mobile' },
      expiresAt: new Date(NOW + 15 * MINUTE),
      refreshUntil: new Date(NOW + 2 * HOUR),
    });
    expect(await (await call('me', { token: accessToken })).json()).toMatchObject({
      email: user.email,
      device: 'mobile',
    });
    expect(refreshToken).not.toBeNull();
  });

  it('generate_cookie_token and response.set_cookie: generateCookieToken and TokenCookies.set', async () => {
    const user = await start();
    const response = await call('login', { body: { userId: user.id, mode: 'cookie' } });
    const [access, refresh] = response.headers.getSetCookie();

    expect(access).toMatch(/^__Host-token=af_at_\w+; Max-Age=86400; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
    expect(refresh).toMatch(
      /^__Host-refresh-token=af_rt_\w+; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect((await call('me', { cookie: access!.split(';')[0]! })).status).toBe(200);
  });

  it('verify_token(token, auth_type): a token or null', async () => {
    const user = await start();
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    expect(await t.tokens.verifyToken(accessToken, AuthType.HEADER)).toMatchObject({
      id: token.id,
      user: { id: user.id },
    });
    expect(await t.tokens.verifyToken(accessToken, AuthType.COOKIE)).toBeNull();
    expect(await t.tokens.verifyToken('nonsense')).toBeNull();
  });

  it('refresh_token(refresh_token, …): new tokens or null', async () => {
    const user = await start();
    const first = await t.tokens.generateHeaderToken(user, { context: { device: 'tv' } });
    const second = (await (
      await call('refresh', { body: { refreshToken: first.refreshToken } })
    ).json()) as typeof first;

    expect((await call('me', { token: first.accessToken })).status).toBe(401);
    expect(await (await call('me', { token: second.accessToken })).json()).toMatchObject({ device: 'tv' });
    expect(await (await call('refresh', { body: { refreshToken: 'nonsense' } })).json()).toEqual({ refused: true });
  });

  it('revoke_token, revoke_all_user_tokens, revoke_all_expired_user_tokens, revoke_expired_tokens: counts', async () => {
    const user = await start();
    const login = () => t.tokens.generateHeaderToken(user, { accessExpiresIn: '1h', refreshExpiresIn: '2h' });
    const [one] = [await login(), await login(), await login()];

    expect((await call('session', { method: 'DELETE', token: one.accessToken })).status).toBe(204);
    expect((await call('me', { token: one.accessToken })).status).toBe(401);
    expect(await t.tokens.revokeToken(one.token)).toBe(0);
    expect(await t.tokens.revokeAllUserTokens(user)).toBe(2);
    await login();
    await t.tokens.generateHeaderToken(await t.createUser(), { accessExpiresIn: '1h', refreshExpiresIn: '2h' });
    vi.setSystemTime(NOW + 2 * HOUR);
    expect(await t.tokens.revokeAllExpiredUserTokens(user)).toBe(1);
    expect(await t.tokens.revokeExpiredTokens()).toBe(1);
  });

  it('AuthorizationHeaderAuthentication, CookieAuthentication, authenticate_header: 401 with a challenge', async () => {
    await start({ extras: { guardAllRoutes: false } });
    const header = await call('header-only');
    const cookie = await call('cookie-only');
    expect([header.status, header.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="api"']);
    expect([cookie.status, cookie.headers.get('www-authenticate')]).toEqual([401, 'Cookie realm="api"']);
  });

  it('request.user, request.auth', async () => {
    const user = await start();
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    expect(await (await call('me', { token: accessToken })).json()).toEqual({
      email: user.email,
      session: token.id,
      device: null,
    });
  });

  it('context_obj, context, is_expired, created_at, expires_at on the token', async () => {
    const user = await start();
    const { accessToken } = await t.tokens.generateHeaderToken(user, {
      context: { device: 'mobile', os: { name: 'x' } },
    });
    const token = (await t.tokens.verifyToken(accessToken))!;

    expect(token.contextObj.device).toBe('mobile');
    expect(token.contextObj.unknown).toBeUndefined();
    expect(token.context).toEqual({ device: 'mobile', os: { name: 'x' } });
    expect([token.createdAt, token.expiresAt]).toEqual([new Date(NOW), new Date(NOW + DAY)]);
    expect([token.isExpired, token.isActive]).toEqual([false, true]);
    vi.setSystemTime(NOW + DAY);
    expect([token.isExpired, token.isActive]).toEqual([true, false]);
  });

  it('context-based permissions: @RequireContext', async () => {
    const user = await start();
    const phone = await t.tokens.generateHeaderToken(user, { context: { device: 'mobile' } });
    const laptop = await t.tokens.generateHeaderToken(user, { context: { device: 'laptop' } });
    expect((await call('mobile', { token: phone.accessToken })).status).toBe(200);
    expect((await call('mobile', { token: laptop.accessToken })).status).toBe(403);
    expect((await call('mobile')).status).toBe(401);
  });

  it('multi-device sessions: a row per device', async () => {
    const user = await start();
    const phone = await t.tokens.generateHeaderToken(user, { context: { device: 'mobile' } });
    vi.setSystemTime(NOW + MINUTE);
    await t.tokens.generateCookieToken(user, { context: { device: 'laptop' } });

    const listed = await t.tokens.listUserTokens(user);
    expect(listed.map(({ context }) => context.device)).toEqual(['laptop', 'mobile']);
    expect(await t.tokens.revokeUserToken(user, listed[0]!.id)).toBe(1);
    expect((await call('me', { token: phone.accessToken })).status).toBe(200);
  });

  it('ENFORCE_SINGLE_LOGIN: enforceSingleLogin', async () => {
    const user = await start({ options: { enforceSingleLogin: true } });
    const first = await t.tokens.generateHeaderToken(user);
    await t.tokens.generateCookieToken(user);
    expect((await call('me', { token: first.accessToken })).status).toBe(401);
  });

  it('AUTO_REFRESH, AUTO_REFRESH_INTERVAL, AUTO_REFRESH_MAX_TTL: a session in use is extended, up to its end', async () => {
    const user = await start({
      options: { tokenTtl: '1h', refreshTokenTtl: '2h', autoRefreshInterval: '10m', autoRefreshMaxTtl: '90m' },
      extras: { autoRefresh: true },
    });
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const at = async (minutes: number) => {
      vi.setSystemTime(NOW + minutes * MINUTE);
      return [(await call('me', { token: accessToken })).status, Number((await t.rows())[0]!.expires_at) - NOW];
    };
    expect(await at(9)).toEqual([200, 60 * MINUTE]);
    expect(await at(10)).toEqual([200, 70 * MINUTE]);
    expect(await at(60)).toEqual([200, 90 * MINUTE]);
    expect(await at(90)).toEqual([401, 90 * MINUTE]);
  });

  it('TOKEN_TTL, REFRESH_TOKEN_TTL: options of the same names', async () => {
    const user = await start({ options: { tokenTtl: 60, refreshTokenTtl: '1h' } });
    const { token } = await t.tokens.generateHeaderToken(user);
    expect([token.expiresAt, token.refreshUntil]).toEqual([new Date(NOW + MINUTE), new Date(NOW + HOUR)]);
  });

  it('TOKEN_TTL=None: tokens that never expire', async () => {
    const user = await start({ options: { tokenTtl: null } });
    const { accessToken, refreshToken, token } = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 9_000 * DAY);
    expect((await call('me', { token: accessToken })).status).toBe(200);
    expect([token.expiresAt, refreshToken]).toEqual([null, null]);
  });

  it('ENABLE_AUTH_RESTRICTION: enableAuthRestriction', async () => {
    const user = await start({ options: { enableAuthRestriction: false } });
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    expect((await call('cookie-only', { cookie: `__Host-token=${accessToken}` })).status).toBe(200);
  });

  it('SECURE_HASH_ALGORITHM: secureHashAlgorithm', async () => {
    const user = await start({ options: { secureHashAlgorithm: 'sha512' } });
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    expect((await t.rows())[0]!.access_token_hash).toMatch(/^[0-9a-f]{128}$/);
    expect((await call('me', { token: accessToken })).status).toBe(200);
  });

  it('AUTH_HEADER_PREFIXES, AUTH_COOKIE_NAMES: authHeaderPrefixes, authCookieNames', async () => {
    const user = await start({
      options: { authHeaderPrefixes: ['Session'], authCookieNames: ['__Host-a', '__Host-b'] },
    });
    const header = await t.tokens.generateHeaderToken(user);
    const cookie = await t.tokens.generateCookieToken(user);
    const authorization = { authorization: `session ${header.accessToken}` };
    expect((await fetch(`${t.url}/me`, { headers: authorization })).status).toBe(200);
    expect((await call('me', { token: header.accessToken })).status).toBe(401);
    expect((await call('me', { cookie: `__Host-b=${cookie.accessToken}` })).status).toBe(200);
  });

  it('KEEP_EXPIRED_TOKENS: keepExpiredTokens', async () => {
    const user = await start({ options: { keepExpiredTokens: true } });
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    await t.tokens.revokeToken(token);
    expect(await t.rows()).toMatchObject([{ id: token.id, revoked_reason: 'revoked' }]);
    expect((await call('me', { token: accessToken })).status).toBe(401);
  });

  it('STRICT_CONTEXT_ACCESS: strictContextAccess', async () => {
    const user = await start({ options: { strictContextAccess: true } });
    const { accessToken } = await t.tokens.generateHeaderToken(user, { context: { device: 'mobile' } });
    const token = (await t.tokens.verifyToken(accessToken))!;
    expect(token.contextObj.device).toBe('mobile');
    expect(() => token.contextObj.devise).toThrow('devise');
  });

  it('TOKEN_MODEL and AbstractAuthToken: tokenEntity with columns of its own, kept by refresh', async () => {
    const user = await start();
    const { refreshToken, token } = await t.tokens.generateHeaderToken(user);
    await t.dataSource.getRepository(AuthToken).update({ id: token.id }, { lastUsedIp: '192.0.2.1' });

    const refreshed = await t.tokens.refreshToken(refreshToken!);
    expect(refreshed?.token).toBeInstanceOf(AuthToken);
    expect(refreshed?.token.lastUsedIp).toBe('192.0.2.1');
  });

  it('POST_AUTH_HANDLER, POST_AUTO_REFRESH_HANDLER: functions and injectable classes', async () => {
    @Injectable()
    class Rename implements AuthHandler<User, AuthToken> {
      constructor(private readonly tokens: TokenService<AuthToken>) {}

      async handle({ user, token }: AuthHandlerInput<User, AuthToken>) {
        const sessions = await this.tokens.listUserTokens(user);
        return { user: Object.assign(user, { email: `${sessions.length} session` }), token };
      }
    }
    const slid: string[] = [];
    const user = await start({
      options: {
        autoRefreshInterval: 0,
        autoRefreshMaxTtl: '30d',
        postAuthHandler: Rename,
        postAutoRefreshHandler: ({ user: who, token, rawToken }) => {
          slid.push(rawToken);
          return { user: who, token };
        },
      },
      extras: { autoRefresh: true },
    });
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + MINUTE);
    expect(await (await call('me', { token: accessToken })).json()).toMatchObject({ email: '1 session' });
    expect(slid).toEqual([accessToken]);
  });

  it('settings validated at import: AuthentifyConfigurationError at boot', async () => {
    await expect(start({ options: { tokenTtl: 0 } })).rejects.toThrow(AuthentifyConfigurationError);
    await expect(start({ options: { tokenTTL: 60 } as object })).rejects.toThrow('tokenTTL');
  });

  it('query sets active, refreshable, expired, for_user, delete_expired: TokenRepository', async () => {
    const user = await start({ options: { tokenTtl: '1h', refreshTokenTtl: '2h' } });
    const first = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 90 * MINUTE);
    const second = await t.tokens.generateHeaderToken(await t.createUser());
    const queries = t.app.get<TokenRepository<AuthToken>>(TokenRepository);
    const ids = async (query: ReturnType<typeof queries.active>) => (await query.getMany()).map(({ id }) => id);

    expect(await ids(queries.active())).toEqual([second.token.id]);
    expect(await ids(queries.idle())).toEqual([first.token.id]);
    expect((await ids(queries.refreshable())).toSorted()).toEqual([first.token.id, second.token.id].toSorted());
    expect(await ids(queries.expired())).toEqual([]);
    expect(await ids(queries.forUser(user))).toEqual([first.token.id]);
    expect(await ids(queries.active().andWhere('token.authType = :type', { type: 'cookie' }))).toEqual([]);
    vi.setSystemTime(NOW + 2 * HOUR);
    expect(await ids(queries.expired())).toEqual([first.token.id]);
    expect(await t.tokens.revokeExpiredTokens()).toBe(1);
  });

  it('manage.py migrate: the schema is in step with the entity', async () => {
    await start();
    const { upQueries } = await t.dataSource.driver.createSchemaBuilder().log();
    expect(upQueries).toEqual([]);
  });

  it('sample project: login, me, refresh, logout by header', async () => {
    const user = await start();
    const login = (await (await call('login', { body: { userId: user.id, mode: 'header' } })).json()) as {
      accessToken: string;
      refreshToken: string;
    };
    expect((await call('me', { token: login.accessToken })).status).toBe(200);
    const next = (await (await call('refresh', { body: { refreshToken: login.refreshToken } })).json()) as typeof login;
    expect((await call('me', { token: login.accessToken })).status).toBe(401);
    expect((await call('session', { method: 'DELETE', token: next.accessToken })).status).toBe(204);
    expect((await call('me', { token: next.accessToken })).status).toBe(401);
  });
});
