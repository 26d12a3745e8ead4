import { All, Body, Controller, HttpCode, Post, Req, Res, UnauthorizedException, UseGuards } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  AuthentifyConfigurationError,
  type AuthentifyOptions,
  CrossSiteGuard,
  type IssuedTokens,
  type IssueTokenOptions,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Adapter, ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';
import { type Answer, cookie, send, sendLines } from './client.js';
import {
  ANONYMOUS,
  GuardedController,
  INVALID_TOKEN,
  type MaybeAuthenticated,
  OptionalController,
} from './controllers.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const HOUR = 3_600;
const DAY = 24 * HOUR;

interface LoginForm extends IssueTokenOptions {
  userId: number;
}

/** Both adapters have this; Express's `header` replaces, Fastify's adds. */
interface AnyResponse {
  header(name: string, value: string): void;
}

@Controller()
class SessionController {
  constructor(
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
    private readonly host: HttpAdapterHost,
  ) {}

  @Post('login')
  @UseGuards(CrossSiteGuard)
  async login(@Body() { userId, ...options }: LoginForm, @Res({ passthrough: true }) response: AnyResponse) {
    response.header('Set-Cookie', 'theme=dark');
    this.cookies.set(response, await this.tokens.generateCookieToken(userId, options));
    this.host.httpAdapter.appendHeader(response, 'Set-Cookie', 'lang=en');
    return { ok: true };
  }

  @Post('refresh')
  @UseGuards(CrossSiteGuard)
  @HttpCode(200)
  async refresh(@Req() request: MaybeAuthenticated, @Res({ passthrough: true }) response: AnyResponse) {
    const presented = this.cookies.refreshTokenFrom(request);
    const issued = presented === null ? null : await this.tokens.refreshToken(presented, { authType: 'cookie' });
    if (!issued) throw new UnauthorizedException();
    this.cookies.set(response, issued);
    return { ok: true };
  }

  @Post('logout')
  @UseGuards(CrossSiteGuard)
  logout(@Res({ passthrough: true }) response: AnyResponse) {
    this.cookies.clear(response);
    return { ok: true };
  }

  @All('refresh-token')
  refreshToken(@Req() request: MaybeAuthenticated) {
    return { value: this.cookies.refreshTokenFrom(request) };
  }
}

const CONTROLLERS = [SessionController, GuardedController, OptionalController];

interface WrittenCookie {
  name: string;
  value: string;
  /** Sorted, without Max-Age. */
  attributes: string[];
  maxAge: number;
}

/** The cookies an answer writes, but those that are not the library's. */
function written({ cookies }: Answer): WrittenCookie[] {
  return cookies
    .filter((line) => !/^(theme|lang)=/.test(line))
    .map((line) => {
      const [pair = '', ...attributes] = line.split('; ');
      const [name = '', value = ''] = pair.split('=', 2);
      const maxAge = Number(/Max-Age=(-?\d+)/.exec(line)?.[1] ?? Number.NaN);
      return { name, value, maxAge, attributes: attributes.filter((one) => !one.startsWith('Max-Age')).toSorted() };
    });
}

async function post(
  t: TestApp,
  path: string,
  form: object = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const message = { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers } };
  return send(t.url + path, { ...message, body: JSON.stringify(form) });
}

async function login(t: TestApp, options: IssueTokenOptions = {}): Promise<Answer> {
  return post(t, '/login', { userId: (await t.createUser()).id, ...options });
}

describe.each(ADAPTERS)('reading cookies on %s', (adapter) => {
  let t: TestApp;
  let session: IssuedTokens;
  let other: IssuedTokens;
  const get = (value: string, path = '/guarded/cookie') => send(t.url + path, { headers: { Cookie: value } });
  beforeAll(async () => {
    t = await startApp({ adapter, controllers: CONTROLLERS, options: { authCookieNames: ['first', 'second'] } });
    const user = await t.createUser();
    session = await t.tokens.generateCookieToken(user);
    other = await t.tokens.generateCookieToken(user);
  });
  afterAll(() => t.close());

  it('takes the first of authCookieNames that is present, in the order of the option', async () => {
    const [mine, theirs] = [session.accessToken, other.accessToken];
    expect((await get(`first=${mine}`)).json.session).toBe(session.token.id);
    expect((await get(`second=${theirs}`)).json.session).toBe(other.token.id);
    expect((await get(`second=${theirs}; first=${mine}`)).json.session).toBe(session.token.id);
    expect((await get(`first=; second=${theirs}`)).json.session).toBe(other.token.id);
    expect((await get(`first=bad; second=${theirs}`)).status).toBe(401);
    expect((await get(`second=bad; first=${mine}`)).status).toBe(200);
  });

  it('R12: finds the cookie among others, whatever they hold', async () => {
    const token = session.accessToken;
    for (const header of [
      `a=b; first=${token}; c=d`,
      `a=b;first=${token};c=d`,
      `novalue; first=${token}`,
      `a=%E0%A4%A; first=${token}`,
      `a="x;y"; first=${token}`,
      `  first =  ${token}\t; `,
      `__proto__=x; constructor=y; first=${token}`,
    ]) {
      expect((await get(header)).json.session, header).toBe(session.token.id);
    }
  });

  it('R12: names are exact, letter case included', async () => {
    const token = session.accessToken;
    for (const header of [
      `First=${token}`,
      `xfirst=${token}`,
      `first2=${token}`,
      `"first"=${token}`,
      `%66irst=${token}`,
    ]) {
      expect((await get(header, '/optional/cookie')).json, header).toEqual(ANONYMOUS);
    }
  });

  it('R12, RFC 6265bis §4.1.1: values are taken as they are: no percent-decoding, no quotes stripped, no j: and s: forms', async () => {
    const token = session.accessToken;
    const encoded = token.replace('_', '%5F');
    const statements = await t.statements.during(async () => {
      for (const value of [
        encoded,
        `%${token.charCodeAt(0).toString(16)}${token.slice(1)}`,
        `"${token}"`,
        `j:"${token}"`,
        `s:${token}.signature`,
        `${token},`,
        `${token}\u00A0`,
        `=${token}`,
      ]) {
        const answer = await sendLines(`${t.url}/guarded/cookie`, [`Cookie: first=${value}`]);
        expect([answer.status, answer.json], value).toEqual([401, INVALID_TOKEN]);
      }
    });
    expect(statements).toEqual([]);
  });

  it.each([
    ['good, bad', 'first=GOOD; first=bad'],
    ['bad, good', 'first=bad; first=GOOD'],
    ['the same twice', 'first=GOOD; first=GOOD'],
    ['good, empty', 'first=GOOD; first='],
    ['empty, good', 'first=; first=GOOD'],
    ['in the first name, while the second is good', 'first=bad; first=bad; second=GOOD'],
    ['in the second name only', 'second=GOOD; a=b; second=GOOD'],
  ])('R13, RFC 6265bis §4.2.2: the same cookie name twice is a 401 without SQL: %s', async (_name, template) => {
    const header = template.replaceAll('GOOD', session.accessToken);
    const statements = await t.statements.during(async () => {
      for (const path of ['/guarded/cookie', '/guarded/either', '/optional/cookie', '/optional/either']) {
        const { status, json, headers } = await get(header, path);
        expect([status, json]).toEqual([401, INVALID_TOKEN]);
        expect(headers['www-authenticate']).toContain('error="invalid_token"');
      }
    });
    expect(statements).toEqual([]);
  });

  it('R13: two Cookie lines are one list', async () => {
    const line = `Cookie: first=${session.accessToken}`;
    expect((await sendLines(`${t.url}/guarded/cookie`, ['Cookie: a=b', line])).status).toBe(200);
    expect((await sendLines(`${t.url}/guarded/cookie`, [line, line])).status).toBe(401);
  });

  it.each([
    ['__Host-refresh-token=value', 'value'],
    ['a=b; __Host-refresh-token=value; c=d', 'value'],
    ['__Host-refresh-token="v%20w"', '"v%20w"'],
    ['__Host-refresh-token=', null],
    ['__Host-refresh-token=one; __Host-refresh-token=two', null],
    ['__Host-refresh-token=; __Host-refresh-token=two', null],
    ['__host-refresh-token=value', null],
    ['first=value', null],
  ])('R12, R13: refreshTokenFrom reads "%s" as %j', async (header, value) => {
    expect((await get(header, '/refresh-token')).json).toEqual({ value });
  });
});

describe.each(ADAPTERS)('writing cookies on %s', (adapter) => {
  let t: TestApp | undefined;
  const start = async (options: AuthentifyOptions<User> = {}, on: Adapter = adapter): Promise<TestApp> => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    t = await startApp({ adapter: on, controllers: CONTROLLERS, options: options as never });
    t.app.useLogger(false);
    return t;
  };
  afterEach(async () => {
    await t?.close();
    t = undefined;
  });

  it('R57, RFC 6265bis §4.1.2, §4.1.3.2: writes both tokens as hard-to-steal cookies that last as long as the row allows', async () => {
    const app = await start({ tokenTtl: '1h', refreshTokenTtl: '7d' });
    const answer = await login(app);
    const [access, refresh, ...more] = written(answer);
    const common = ['HttpOnly', 'Path=/', 'Secure'];

    expect(access).toMatchObject({
      name: '__Host-token',
      maxAge: HOUR,
      attributes: [...common, 'SameSite=Lax'].toSorted(),
    });
    expect(refresh).toMatchObject({
      name: '__Host-refresh-token',
      maxAge: 7 * DAY,
      attributes: [...common, 'SameSite=Strict'].toSorted(),
    });
    expect(more).toEqual([]);
    expect(await app.tokens.verifyToken(access!.value, 'cookie')).not.toBeNull();
    expect(await app.tokens.refreshToken(refresh!.value, { authType: 'cookie' })).not.toBeNull();
    expect(Math.max(...answer.cookies.map((line) => line.length))).toBeLessThanOrEqual(4096);
  });

  it('R59, RFC 9111 §5.2.2.5: forbids caches to keep the answer', async () => {
    const app = await start();
    const answers = [await login(app), await post(app, '/logout')];
    expect(answers.map(({ headers }) => headers['cache-control'])).toEqual(['no-store', 'no-store']);
  });

  it('leaves the Set-Cookie lines of others alone', async () => {
    const { cookies } = await login(await start());
    expect(cookies.map((line) => line.split('=', 1)[0])).toEqual([
      'theme',
      '__Host-token',
      '__Host-refresh-token',
      'lang',
    ]);
  });

  it('R57: Max-Age is what is left of the row, also where the absolute end cuts it short', async () => {
    const app = await start({ tokenTtl: '1h', refreshTokenTtl: '7d', sessionMaxTtl: '2d' });
    const first = await login(app);
    expect(written(first).map(({ maxAge }) => maxAge)).toEqual([HOUR, 2 * DAY]);

    vi.setSystemTime(NOW + 2 * DAY * 1000 - 30 * MINUTE);
    const second = await post(app, '/refresh', {}, cookie(written(first)[1]!.value, '__Host-refresh-token'));
    expect(written(second).map(({ maxAge }) => maxAge)).toEqual([30 * 60, 30 * 60]);
  });

  it('R57: the lifetimes of one login are those of its cookies', async () => {
    const answer = await login(await start(), { accessExpiresIn: '5m', refreshExpiresIn: '20m' });
    expect(written(answer).map(({ maxAge }) => maxAge)).toEqual([5 * 60, 20 * 60]);
  });

  it('R57, RFC 6265bis §5.5: no cookie lasts longer than 400 days, and one that never expires lasts that long', async () => {
    const app = await start();
    const long = await login(app, { accessExpiresIn: '500d', refreshExpiresIn: '600d' });
    expect(written(long).map(({ maxAge }) => maxAge)).toEqual([400 * DAY, 400 * DAY]);

    const endless = await login(app, { accessExpiresIn: null, refreshExpiresIn: null });
    expect(written(endless).map(({ name, maxAge }) => [name, maxAge])).toEqual([
      ['__Host-token', 400 * DAY],
      ['__Host-refresh-token', 0],
    ]);
  });

  it('removes what an earlier session left: another name, a refresh cookie the new session has not', async () => {
    const app = await start({ authCookieNames: ['sid', 'old-sid'], refreshCookieName: 'rid' });
    const answer = await login(app, { refreshExpiresIn: null });
    expect(written(answer).map(({ name, maxAge }) => [name, maxAge])).toEqual([
      ['sid', 24 * HOUR],
      ['old-sid', 0],
      ['rid', 0],
    ]);
  });

  it('where sessions slide, the refresh cookie lasts as long as they possibly can', async () => {
    const sliding = { tokenTtl: '1h', refreshTokenTtl: '7d', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' };
    const answer = await login(await start(sliding));
    expect(written(answer).map(({ maxAge }) => maxAge)).toEqual([HOUR, 30 * DAY]);
  });

  it('R20: refuses to write header tokens, which no cookie makes good', async () => {
    const app = await start();
    const headers = await app.tokens.generateHeaderToken(await app.createUser());
    expect(() => app.app.get(TokenCookies).set({}, headers)).toThrow(/use generateCookieToken/);
  });

  it('refreshCookieName: null neither writes, reads nor clears one', async () => {
    const app = await start({ refreshCookieName: null });
    for (const answer of [await login(app), await post(app, '/logout')]) {
      expect(answer.status).toBe(201);
      expect(written(answer).map(({ name }) => name)).toEqual(['__Host-token']);
    }
    const headers = cookie('value', '__Host-refresh-token');
    expect((await send(`${app.url}/refresh-token`, { headers })).json).toEqual({ value: null });
  });

  it('R57: clears every name it reads, with the attributes it writes', async () => {
    const app = await start({
      authCookieNames: ['sid', 'old-sid'],
      refreshCookieName: ['rid', 'old-rid'],
      cookie: { sameSite: 'none', domain: 'example.com', path: '/app', httpOnly: false },
    });
    const attributes = ['Domain=example.com', 'Path=/app', 'SameSite=None', 'Secure'];
    const strict = ['Domain=example.com', 'Path=/app', 'SameSite=Strict', 'Secure'];

    expect(written(await login(app)).map(({ name, ...rest }) => [name, rest.attributes])).toEqual([
      ['sid', attributes],
      ['old-sid', attributes],
      ['rid', strict],
      ['old-rid', strict],
    ]);
    expect(written(await post(app, '/logout'))).toEqual([
      { name: 'sid', value: '', maxAge: 0, attributes },
      { name: 'old-sid', value: '', maxAge: 0, attributes },
      { name: 'rid', value: '', maxAge: 0, attributes: strict },
      { name: 'old-rid', value: '', maxAge: 0, attributes: strict },
    ]);
  });

  it('R57: the insecure cookies of local development are possible under other names', async () => {
    const app = await start({ authCookieNames: ['token'], refreshCookieName: null, cookie: { secure: false } });
    expect(written(await login(app))).toMatchObject([
      { name: 'token', attributes: ['HttpOnly', 'Path=/', 'SameSite=Lax'] },
    ]);
  });

  it.each<[string, AuthentifyOptions<User>]>([
    ['__Host- without Secure', { cookie: { secure: false } }],
    ['__Host- refresh cookie without Secure', { authCookieNames: ['token'], cookie: { secure: false } }],
    ['__Host- with a Domain', { cookie: { domain: 'example.com' } }],
    ['__Host- with another Path', { cookie: { path: '/app' } }],
    [
      'SameSite=None without Secure',
      { authCookieNames: ['token'], refreshCookieName: null, cookie: { secure: false, sameSite: 'none' } },
    ],
  ])('R57, RFC 6265bis §4.1.2.7, §4.1.3.2: %s stops the boot', async (_name, options) => {
    await expect(start(options)).rejects.toThrow(AuthentifyConfigurationError);
  });

  it('R40: a refused refresh and a bad cookie touch no cookie', async () => {
    const app = await start({ refreshGracePeriod: 0 });
    const { value } = written(await login(app))[1]!;
    const refresh = cookie(value, '__Host-refresh-token');
    expect((await post(app, '/refresh', {}, refresh)).status).toBe(200);

    const reused = await post(app, '/refresh', {}, refresh);
    const malformed = await post(app, '/refresh', {}, cookie('bad', '__Host-refresh-token'));
    const guarded = await send(`${app.url}/guarded/cookie`, { headers: cookie('bad') });
    await app.dataSource.destroy();
    const outage = await post(app, '/refresh', {}, refresh);

    expect([reused, malformed, guarded, outage].map(({ status, cookies }) => [status, cookies])).toEqual([
      [401, []],
      [401, []],
      [401, []],
      [503, []],
    ]);
  });

  it('R54: CrossSiteGuard keeps other sites from logging in, refreshing and logging out', async () => {
    const app = await start();
    const { value } = written(await login(app))[1]!;
    const refresh = cookie(value, '__Host-refresh-token');
    const { id: userId } = await app.createUser();
    const elsewhere: Record<string, string>[] = [{ 'Sec-Fetch-Site': 'same-site' }, { Origin: 'https://evil.example' }];

    const statements = await app.statements.during(async () => {
      for (const path of ['/login', '/refresh', '/logout']) {
        for (const from of elsewhere) {
          const { status, cookies, headers } = await post(app, path, { userId }, { ...refresh, ...from });
          expect([status, cookies, headers['www-authenticate']], path).toEqual([403, [], undefined]);
        }
      }
    });
    expect(statements).toEqual([]);
    for (const path of ['/login', '/refresh', '/logout']) {
      const { status } = await post(app, path, { userId }, { ...refresh, 'Sec-Fetch-Site': 'same-origin' });
      expect(status, path).toBeLessThan(300);
    }
  });

  it('R54: the refresh cookie of another site’s unsafe request is not even read, on a route without CrossSiteGuard', async () => {
    const app = await start();
    const ask = (method: string, site: string) =>
      send(`${app.url}/refresh-token`, {
        method,
        headers: { ...cookie('value', '__Host-refresh-token'), 'Sec-Fetch-Site': site },
      });
    for (const site of ['same-site', 'cross-site']) {
      expect((await ask('POST', site)).status).toBe(403);
      expect((await ask('GET', site)).json).toEqual({ value: 'value' });
    }
    expect((await ask('POST', 'same-origin')).json).toEqual({ value: 'value' });
  });

  it('R54: CrossSiteGuard follows the csrf option', async () => {
    const app = await start({ csrf: { trustedOrigins: ['https://app.example.com'], requireOrigin: true } });
    const { id: userId } = await app.createUser();
    const from = async (headers: Record<string, string>) => (await post(app, '/login', { userId }, headers)).status;
    expect(await from({ 'Sec-Fetch-Site': 'cross-site', Origin: 'https://app.example.com' })).toBe(201);
    expect(await from({ 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' })).toBe(403);
    expect(await from({})).toBe(403);
  });
});
