import { Body, Controller, Inject, Post, Res } from '@nestjs/common';
import { type AuthentifyOptions, type IssuedTokens, Public, TokenCookies, TokenService } from 'nestjs-authentify';
import { expect } from 'vitest';
import { type Adapter, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';

/** Cookies that clients keep over plain HTTP. */
const PLAIN: AuthentifyOptions<User> = {
  authCookieNames: ['token'],
  refreshCookieName: 'refresh-token',
  cookie: { secure: false },
};

@Controller('auth')
class LoginController {
  constructor(
    @Inject(TokenService) private readonly tokens: TokenService,
    @Inject(TokenCookies) private readonly cookies: TokenCookies,
  ) {}

  @Post('login')
  @Public()
  async login(
    @Body() { id, cookies }: { id: number; cookies: boolean },
    @Res({ passthrough: true }) response: unknown,
  ): Promise<IssuedTokens | object> {
    if (!cookies) return this.tokens.generateHeaderToken(id);
    this.cookies.set(response, await this.tokens.generateCookieToken(id));
    return {};
  }
}

export interface Reply {
  status: number;
  json: unknown;
}

/** Somebody's HTTP client, used as its manual begins: whatever it adds to a request by itself, it adds. */
export interface Client {
  /** Sends JSON where there is a body; where a `POST` has none, what the client makes of that. */
  call(method: string, url: string, options: { body?: object; token?: string }): Promise<Reply>;
}

/** An app with a login of its own beside the session routes. */
export function startWalk(adapter: Adapter): Promise<TestApp> {
  return startApp({
    adapter,
    options: PLAIN,
    extras: { sessionRoutes: { path: 'auth' }, guardAllRoutes: true },
    controllers: [LoginController],
  });
}

/** Every session route, with tokens in headers and bodies. */
export async function walkWithHeaders(t: TestApp, client: Client): Promise<void> {
  const call = async (method: string, path: string, options: { body?: object; token?: string } = {}) =>
    client.call(method, `${t.url}/auth/${path}`, options);
  const { id: user } = await t.createUser();
  const login = (await call('POST', 'login', { body: { id: user, cookies: false } })).json as IssuedTokens;
  const other = (await call('POST', 'login', { body: { id: user, cookies: false } })).json as IssuedTokens;
  const refreshed = await call('POST', 'refresh', { body: { refreshToken: login.refreshToken } });
  const { accessToken: token, refreshToken } = refreshed.json as { accessToken: string; refreshToken: string };
  const sessions = await call('GET', 'sessions', { token });
  const { id } = (sessions.json as { id: string; current: boolean }[]).find(({ current }) => !current)!;

  expect([refreshed.status, sessions.status]).toEqual([200, 200]);
  expect((await call('DELETE', `sessions/${id.toUpperCase()}`, { token })).status).toBe(204);
  expect((await call('GET', 'sessions', { token: other.accessToken })).status).toBe(401);
  expect((await call('POST', 'logout-others', { token })).status).toBe(204);
  expect((await call('POST', 'logout', { token })).status).toBe(204);
  expect((await call('POST', 'refresh', { body: { refreshToken } })).status).toBe(401);
  const last = (await call('POST', 'login', { body: { id: user, cookies: false } })).json as IssuedTokens;
  expect((await call('POST', 'logout-all', { token: last.accessToken })).status).toBe(204);
  expect((await call('GET', 'sessions', { token: last.accessToken })).status).toBe(401);
}

/** Every session route, with tokens in cookies. */
export async function walkWithCookies(t: TestApp, client: Client): Promise<void> {
  const call = async (method: string, path: string, body?: object) =>
    client.call(method, `${t.url}/auth/${path}`, { body });
  const { id } = await t.createUser();
  await call('POST', 'login', { id, cookies: true });
  const refreshed = await call('POST', 'refresh');

  expect([refreshed.status, Object.keys(refreshed.json as object)]).toEqual([200, ['expiresAt', 'refreshUntil']]);
  expect(await call('GET', 'sessions')).toMatchObject({ status: 200, json: [{ current: true }] });
  expect((await call('POST', 'logout-others')).status).toBe(204);
  expect((await call('POST', 'logout')).status).toBe(204);
  expect((await call('POST', 'refresh')).status).toBe(401);
  await call('POST', 'login', { id, cookies: true });
  expect((await call('POST', 'logout-all')).status).toBe(204);
  expect((await call('GET', 'sessions')).status).toBe(401);
}
