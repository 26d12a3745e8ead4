import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { All, Controller, type MessageEvent, Sse, UseGuards, UseInterceptors } from '@nestjs/common';
import {
  type AbstractAuthToken,
  AutoRefreshInterceptor,
  CookieAuthGuard,
  CurrentToken,
  HeaderAuthGuard,
  type IssuedTokens,
  SessionWatcher,
  TokenCookies,
} from 'nestjs-authentify';
import { AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { NEVER, type Observable, startWith, takeUntil } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../browser/support/certificate.js';
import { startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { bearer, cookie } from './client.js';
import { GuardedController, INVALID_TOKEN } from './controllers.js';
import { type Http2Client, http2Client, sendFields } from './http2-client.js';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 0, 15, 12);

@Controller()
class StreamController {
  constructor(private readonly sessions: SessionWatcher) {}

  @Sse('stream')
  @UseGuards(HeaderAuthGuard)
  stream(@CurrentToken() token: AbstractAuthToken): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'first' }), takeUntil(this.sessions.ended(token)));
  }

  @All('sliding')
  @UseGuards(CookieAuthGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  sliding(): object {
    return {};
  }
}

describe.each(['without TLS', 'with TLS'])('HTTP/2 %s on Fastify', (tls) => {
  let t: TestApp;
  let user: User;
  let session: IssuedTokens;
  let inHeader: IssuedTokens;
  let client: Http2Client;
  let authority: string;
  beforeAll(async () => {
    t = await startApp({
      adapter: 'fastify',
      http2: true,
      ...(tls === 'with TLS' && { https: makeCertificate() }),
      controllers: [GuardedController, StreamController],
      options: {
        autoRefreshInterval: '5m',
        autoRefreshMaxTtl: '30d',
        tokenTtl: '1h',
        csrf: { trustedOrigins: ['https://app.example.com'] },
      },
      extras: { sessionRoutes: { path: 'auth' } },
      imports: [
        AuthentifyAdminModule.register<User>({ path: 'admin', guards: [CookieAuthGuard], searchColumns: ['email'] }),
      ],
    });
    user = await t.createUser();
    session = await t.tokens.generateCookieToken(user);
    inHeader = await t.tokens.generateHeaderToken(user);
    client = http2Client(t.url);
    authority = new URL(t.url).host;
  });
  afterAll(async () => {
    client.close();
    await t.close();
  });
  const post = async (headers: Record<string, string>): Promise<number> =>
    (await client.send('POST', '/guarded/cookie', { ...cookie(session.accessToken), ...headers })).status;

  it('lets the header and the cookie in, and nobody else', async () => {
    const header = await client.send('GET', '/guarded/header', bearer(inHeader.accessToken));
    expect([header.status, header.json.session]).toEqual([200, inHeader.token.id]);
    const inCookie = await client.send('GET', '/guarded/either', cookie(session.accessToken));
    expect([inCookie.status, inCookie.json.session]).toEqual([200, session.token.id]);
    const nobody = await client.send('GET', '/guarded/header');
    expect([nobody.status, nobody.json, nobody.headers['www-authenticate']]).toEqual([
      401,
      INVALID_TOKEN,
      'Bearer realm="api"',
    ]);
  });

  it('R54, RFC 9113 §8.3.1: takes :authority for the Host that is not there', async () => {
    expect(await post({ origin: `https://${authority}` })).toBe(200);
    expect(await post({ origin: `http://${authority}` })).toBe(200);
    expect(await post({ origin: 'https://evil.example' })).toBe(403);
    expect(await post({ origin: 'https://app.example.com' })).toBe(200);
    expect(await post({ origin: 'null' })).toBe(403);
    expect(await post({ origin: `https://${authority}`, 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(await post({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await post({})).toBe(200);
  });

  it.each([
    ['api.example.com', undefined, 'https://api.example.com', 200],
    ['api.example.com', undefined, 'https://api.example.com:8443', 403],
    ['api.example.com:8443', undefined, 'https://api.example.com:8443', 200],
    ['api.example.com:443', undefined, 'https://api.example.com', 200],
    ['API.example.com', undefined, 'https://api.example.com', 200],
    ['[::1]:3000', undefined, 'http://[::1]:3000', 200],
    ['api.example.com', 'api.example.com', 'https://api.example.com', 200],
    ['api.example.com', 'api.example.com:443', 'https://api.example.com', 200],
    ['api.example.com', 'evil.example', 'https://evil.example', 403],
    ['api.example.com', 'evil.example', 'https://api.example.com', 403],
  ])('R54, RFC 9113 §8.3.1: :authority %s and Host %s, Origin %s: %i', async (named, host, origin, status) => {
    expect(await post({ ':authority': named, ...(host && { host }), origin })).toBe(status);
  });

  it('R13, RFC 9113 §8.2.3: joins cookies that come in several fields, and takes none that is there twice', async () => {
    const crumbs = (...cookies: string[]) => client.send('GET', '/guarded/cookie', { cookie: cookies });
    const own = `__Host-token=${session.accessToken}`;
    expect((await crumbs('a=1', own, 'b=2')).json.session).toBe(session.token.id);
    expect((await crumbs(own, own)).status).toBe(401);
    expect((await crumbs('a=1; __Host-token=planted', own)).status).toBe(401);
  });

  it('writes cookies and renews them', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const { accessToken } = await t.tokens.generateCookieToken(user);
    vi.setSystemTime(NOW + 6 * MINUTE);
    const { status, cookies } = await client.send('GET', '/sliding', cookie(accessToken));
    expect([status, cookies]).toEqual([200, [expect.stringMatching(/^__Host-token=af_at_\w+; Max-Age=3600;/)]]);
    vi.useRealTimers();
  });

  it('serves the session routes', async () => {
    const header = await t.tokens.generateHeaderToken(user);
    const next = await client.send('POST', '/auth/refresh', {}, { refreshToken: header.refreshToken });
    expect([next.status, next.json]).toEqual([200, expect.objectContaining({ accessToken: expect.any(String) })]);
    const inCookies = await t.tokens.generateCookieToken(user);
    const cookies = [`__Host-token=${inCookies.accessToken}`, `__Host-refresh-token=${inCookies.refreshToken}`];
    const own = { cookie: cookies, origin: `https://${authority}` };
    const foreign = { cookie: cookies, origin: 'https://evil.example' };
    expect((await client.send('POST', '/auth/refresh', foreign)).status).toBe(403);
    const rotated = await client.send('POST', '/auth/refresh', own);
    expect([rotated.status, rotated.cookies]).toEqual([
      200,
      [expect.stringMatching(/^__Host-token=/), expect.stringMatching(/^__Host-refresh-token=/)],
    ]);
    const list = await client.send('GET', '/auth/sessions', bearer(String(next.json.accessToken)));
    expect(list.json).toEqual(expect.arrayContaining([expect.objectContaining({ current: true })]));
    const out = await client.send('POST', '/auth/logout', bearer(String(next.json.accessToken)));
    expect([out.status, await t.tokens.verifyToken(String(next.json.accessToken))]).toEqual([204, null]);
  });

  it('serves the admin', async () => {
    const own = { ...cookie(session.accessToken), origin: `https://${authority}` };
    const page = await client.send('GET', '/admin', own);
    expect([page.status, page.text]).toEqual([200, expect.stringContaining('<!doctype html>')]);
    expect((await client.send('GET', '/admin/sessions', own)).json).toMatchObject({ sessions: expect.any(Array) });
    const ended = await client.send('POST', '/admin/sessions/revoke-all', own, { userId: 999 });
    expect([ended.status, ended.json]).toEqual([200, { ended: 0 }]);
    const foreign = { ...own, origin: 'https://evil.example' };
    expect((await client.send('POST', '/admin/sessions/revoke-all', foreign, { userId: 999 })).status).toBe(403);
  });

  it('ends a stream of events with its session', async () => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    const stream: ClientHttp2Stream = client.session.request({ ':path': '/stream', ...bearer(accessToken) });
    stream.setEncoding('utf8');
    let text = '';
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
    const ended = once(stream, 'end');
    while (!text.includes('first')) await once(stream, 'data');
    await t.tokens.revokeToken(token);
    await ended;
    expect(text).toContain('data: first');
  });
});

describe('HTTP/2 on Fastify', () => {
  let t: TestApp;
  beforeAll(async () => {
    t = await startApp({ adapter: 'fastify', http2: true, controllers: [GuardedController] });
  });
  afterAll(() => t.close());
  const to = (method: string, path: string): [string, string][] => [
    [':method', method],
    [':scheme', 'http'],
    [':path', path],
  ];
  const inAuthority: [string, string] = [':authority', 'api.example.com'];

  it('R54: goes by Host where there is no :authority', async () => {
    const { accessToken, token } = await t.tokens.generateCookieToken(await t.createUser());
    const post = (origin: string) =>
      sendFields(t.url, [
        ...to('POST', '/guarded/cookie'),
        ['host', 'api.example.com'],
        ['origin', origin],
        ['cookie', `__Host-token=${accessToken}`],
      ]);
    expect(JSON.parse(await post('https://api.example.com'))).toMatchObject({ session: token.id });
    expect(JSON.parse(await post('https://evil.example'))).toMatchObject({ errorCode: 'cross_site_request' });
  });

  it('R10, RFC 9110 §5.3: refuses two Authorization fields', async () => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
    const authorization: [string, string] = ['authorization', `Bearer ${accessToken}`];
    const once = await sendFields(t.url, [...to('GET', '/guarded/header'), inAuthority, authorization]);
    expect(JSON.parse(once)).toMatchObject({ session: token.id });
    for (const other of [`Bearer ${accessToken}`, 'Bearer bad', '']) {
      for (const fields of [
        [authorization, ['authorization', other]],
        [['authorization', other], authorization],
      ] as [string, string][][]) {
        const answer = await sendFields(t.url, [...to('GET', '/guarded/header'), inAuthority, ...fields]);
        expect(JSON.parse(answer)).toEqual({ statusCode: 400, message: 'Bad Request', errorCode: 'invalid_request' });
      }
    }
  });

  it('R55, RFC 8441 §5: opens no WebSocket by an extended CONNECT, which counts as one', async () => {
    const { accessToken, refreshToken } = await t.tokens.generateCookieToken(await t.createUser());
    const cookies = `__Host-token=${accessToken}; __Host-refresh-token=${refreshToken}`;
    const fields = [
      [':protocol', 'websocket'],
      ['cookie', cookies],
    ] satisfies [string, string][];
    expect(await sendFields(t.url, [...to('CONNECT', '/guarded/cookie'), inAuthority, ...fields])).toBe('');
    const connect = (headers: Record<string, string>) =>
      t.app.get(TokenCookies).refreshTokenFrom({
        method: 'CONNECT',
        headers: { ':protocol': 'websocket', ':authority': 'api.example.com', cookie: cookies, ...headers },
      } as never);
    expect(() => connect({ 'sec-fetch-site': 'same-origin' })).toThrow('Forbidden');
    expect(() => connect({ origin: 'https://evil.example' })).toThrow('Forbidden');
    expect(connect({ origin: 'https://api.example.com' })).toBe(refreshToken);
  });
});
