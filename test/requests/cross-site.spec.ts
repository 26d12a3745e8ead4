import {
  AuthentifyConfigurationError,
  AuthentifyEvents,
  type CsrfOptions,
  type IssuedTokens,
  TokenCookies,
} from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { type Answer, bearer, cookie, send } from './client.js';
import { ANONYMOUS, GuardedController, OptionalController, PlainController, verdict } from './controllers.js';

const CONTROLLERS = [GuardedController, OptionalController, PlainController];
const APP = 'https://app.example.com';
const FROM_ELSEWHERE = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };

/** Header names as Node gives them to handlers. */
const lowerCase = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

describe.each(ADAPTERS)('cross-site requests on %s', (adapter) => {
  let t: TestApp;
  let session: IssuedTokens;
  let inHeader: IssuedTokens;
  /** Sends the cookie to `CookieAuthGuard`. */
  const request = (method: string, headers: Record<string, string>, path = '/guarded/cookie'): Promise<Answer> =>
    send(t.url + path, { method, headers: { ...cookie(session.accessToken), ...headers } });
  const post = async (headers: Record<string, string>): Promise<number> => (await request('POST', headers)).status;
  beforeAll(async () => {
    const options = { csrf: { trustedOrigins: [APP, 'http://127.0.0.1:4200'] } };
    t = await startApp({ adapter, controllers: CONTROLLERS, options });
    const user = await t.createUser();
    session = await t.tokens.generateCookieToken(user);
    inHeader = await t.tokens.generateHeaderToken(user);
  });
  afterAll(() => t.close());

  it.each(['GET', 'HEAD', 'OPTIONS'])('R54, RFC 9110 §9.2.1: %s passes from anywhere', async (method) => {
    expect((await request(method, FROM_ELSEWHERE)).status).toBe(200);
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE'])('R54: %s from another site is a 403 without SQL', async (method) => {
    const statements = await t.statements.during(async () => {
      const answer = await request(method, FROM_ELSEWHERE);
      expect(verdict(answer)).toEqual([403, undefined]);
      expect(answer.cookies).toEqual([]);
    });
    expect(statements).toEqual([]);
  });

  it.each(['same-origin', 'none'])('R54: Sec-Fetch-Site "%s" passes', async (site) => {
    expect(await post({ 'Sec-Fetch-Site': site })).toBe(200);
    expect((await request('POST', { 'Sec-Fetch-Site': site, Origin: t.url })).json.session).toBe(session.token.id);
  });

  it.each(['cross-site', 'same-site', 'Same-Origin', 'same-origin, cross-site', 'unheard-of', ''])(
    'R54: Sec-Fetch-Site "%s" is a 403, also where Origin would do, unless that is trusted',
    async (site) => {
      const fetched = { 'Sec-Fetch-Site': site };
      expect(await post(fetched)).toBe(403);
      expect(await post({ ...fetched, Origin: t.url })).toBe(403);
      expect(await post({ ...fetched, Origin: 'null' })).toBe(403);
      expect(await post({ ...fetched, Origin: APP })).toBe(200);
    },
  );

  it.each([
    'https://app.example.com.evil.example',
    'https://evil.example/https://app.example.com',
    'https://app.example.com:8443',
    'http://app.example.com',
    'https://other.example.com',
    'https://app.example.com,https://evil.example',
    `${APP}/`,
  ])('R54: trusting https://app.example.com does not trust %s', async (origin) => {
    expect(await post({ 'Sec-Fetch-Site': 'cross-site', Origin: origin })).toBe(403);
    expect(await post({ Origin: origin })).toBe(403);
  });

  it.each([
    ['api.example.com', 'https://api.example.com', 200],
    ['api.example.com', 'http://api.example.com', 200],
    ['api.example.com:443', 'https://api.example.com', 200],
    ['API.example.com', 'https://api.example.com', 200],
    ['api.example.com:8443', 'https://api.example.com:8443', 200],
    ['api.example.com', APP, 200],
    ['api.example.com', 'https://api.example.com:8443', 403],
    ['api.example.com:8443', 'https://api.example.com', 403],
    ['api.example.com', 'https://example.com', 403],
    ['api.example.com', 'https://xapi.example.com', 403],
    ['api.example.com', 'https://api.example.com.evil.example', 403],
    ['api.example.com', 'https://api.example.com@evil.example', 403],
    ['api.example.com', 'null', 403],
    ['null', 'null', 403],
    ['api.example.com', 'app://api.example.com', 403],
    ['api.example.com', 'api.example.com', 403],
    ['api.example.com', '', 403],
  ])('R54: without Sec-Fetch-Site, at Host %s Origin "%s" gives %i', async (host, origin, status) => {
    expect(await post({ Host: host, Origin: origin })).toBe(status);
  });

  it.each([
    ['its own origin', { Host: 'api.example.com', Origin: 'https://api.example.com' }, 200],
    ['a trusted origin', { Origin: APP }, 200],
    ['no origin, whatever Sec-Fetch-Site says', { 'Sec-Fetch-Site': 'same-origin' }, 403],
    ['a foreign origin', { Origin: 'https://evil.example' }, 403],
    [
      'a foreign origin, whatever Sec-Fetch-Site says',
      { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' },
      403,
    ],
    ['a sibling', { 'Sec-Fetch-Site': 'same-site', Origin: 'https://sibling.example.com' }, 403],
    ['no origin', {}, 403],
  ])(
    'R55, RFC 6455 §10.2: a WebSocket upgrade counts as unsafe: from %s',
    async (_from, headers: Record<string, string>, status) => {
      const answer = await request('GET', { Upgrade: 'WebSocket', ...headers });
      expect(answer.status).toBe(status);
      expect((await request('GET', headers)).status).toBe(200);
    },
  );

  it('an upgrade to something else is no WebSocket', async () => {
    expect((await request('GET', { Upgrade: 'h2c' })).status).toBe(200);
  });

  it('R54: what sends neither header is no browser, and passes', async () => {
    expect(await post({})).toBe(200);
  });

  it('R56: X-Forwarded-* and method overrides are not believed', async () => {
    const origin = 'https://evil.example';
    const forwarded = {
      'X-Forwarded-Host': 'evil.example',
      Forwarded: 'host=evil.example',
      'X-Forwarded-Proto': 'https',
    };
    expect(await post({ Origin: origin, ...forwarded })).toBe(403);
    expect(await post({ ...FROM_ELSEWHERE, 'X-HTTP-Method-Override': 'GET', 'X-Method-Override': 'GET' })).toBe(403);
    expect((await request('POST', FROM_ELSEWHERE, '/guarded/cookie?_method=GET')).status).toBe(403);
  });

  it.each(['/guarded/either', '/optional/cookie', '/optional/either', '/plain/cookie'])(
    'R54: %s is covered as well, without challenge and without SQL',
    async (path) => {
      const statements = await t.statements.during(async () => {
        expect(verdict(await request('POST', FROM_ELSEWHERE, path))).toEqual([403, undefined]);
        expect(verdict(await request('POST', { Origin: 'https://evil.example' }, path))).toEqual([403, undefined]);
      });
      expect(statements).toEqual([]);
      expect((await request('POST', { 'Sec-Fetch-Site': 'same-origin' }, path)).json.session).toBe(session.token.id);
    },
  );

  it('events tell of every refusal', async () => {
    const seen: unknown[] = [];
    const subscription = t.app.get(AuthentifyEvents).subscribe((event) => seen.push(event));
    await request('POST', FROM_ELSEWHERE);
    const presented = { headers: { cookie: '__Host-refresh-token=x', ...lowerCase(FROM_ELSEWHERE) }, method: 'POST' };
    expect(() => t.app.get(TokenCookies).refreshTokenFrom(presented)).toThrow('Forbidden');
    subscription.unsubscribe();
    const refusal = { type: 'rejected', reason: 'cross-site', authType: 'cookie' };
    expect(seen).toEqual([expect.objectContaining(refusal), expect.objectContaining(refusal)]);
  });

  it('R54: header credentials are exempt, also where a cookie rides along', async () => {
    for (const path of ['/guarded/header', '/guarded/either']) {
      const answer = await request('POST', { ...FROM_ELSEWHERE, ...bearer(inHeader.accessToken) }, path);
      expect([answer.status, answer.json.session]).toEqual([200, inHeader.token.id]);
    }
    const foreignScheme = await request('POST', { ...FROM_ELSEWHERE, Authorization: 'Basic YTpi' }, '/guarded/either');
    expect(foreignScheme.status).toBe(403);
  });

  it('a request without credential has nothing to protect', async () => {
    const anonymous = await send(`${t.url}/optional/either`, { method: 'POST', headers: FROM_ELSEWHERE });
    expect([anonymous.status, anonymous.json]).toEqual([200, ANONYMOUS]);
    expect((await send(`${t.url}/guarded/cookie`, { method: 'POST', headers: FROM_ELSEWHERE })).status).toBe(401);
  });
});

describe.each(ADAPTERS)('the debug log of cross-site requests on %s', (adapter) => {
  const lines: string[] = [];
  let t: TestApp;
  let session: IssuedTokens;
  beforeAll(async () => {
    const silent = () => {};
    const logger = { log: silent, warn: silent, error: silent, debug: (line: string) => lines.push(line) };
    t = await startApp({ adapter, controllers: CONTROLLERS, logger, extras: { sessionRoutes: { path: 'auth' } } });
    session = await t.tokens.generateCookieToken(await t.createUser());
  });
  afterAll(() => t.close());
  const refused = async (headers: Record<string, string>, path = '/guarded/cookie', method = 'POST') => {
    lines.length = 0;
    const { accessToken, refreshToken } = session;
    const cookies = { Cookie: `__Host-token=${accessToken}; __Host-refresh-token=${refreshToken}` };
    expect((await send(t.url + path, { method, headers: { ...cookies, ...headers } })).status).toBe(403);
    return lines.filter((line) => line.includes('cross-site'));
  };

  it.each(['/guarded/cookie', '/plain/cookie', '/auth/refresh', '/auth/logout'])(
    'names both origins, and the option: %s',
    async (path) => {
      const headers = { Host: 'api.example.com', Origin: APP, 'Sec-Fetch-Site': 'same-site' };
      expect(await refused(headers, path)).toEqual([
        'Rejected: cross-site. The page\'s Origin is "https://app.example.com", its Sec-Fetch-Site "same-site", and the ' +
          'Host it asked is "api.example.com". If the page is yours, add its origin to csrf.trustedOrigins, or let ' +
          'your proxy keep Host',
      ]);
    },
  );

  it('says what is not there', async () => {
    const [line] = await refused({ 'Sec-Fetch-Site': 'cross-site' });
    expect(line).toContain('Origin is not given, its Sec-Fetch-Site "cross-site"');
    const [ofSocket] = await refused({ Upgrade: 'websocket' }, '/guarded/cookie', 'GET');
    expect(ofSocket).toContain('Origin is not given, its Sec-Fetch-Site not given');
  });

  it('R64: quotes what clients wrote, in plain characters and at no length', async () => {
    const [line = ''] = await refused({ Origin: 'https://evil.example"\u009b31m\u00e9\t$&', Host: 'a"b' });
    expect(line).toContain(String.raw`"https://evil.example\"\u009b31m\u00e9\t$&"`);
    expect(line).toContain(String.raw`"a\"b"`);
    const [long = ''] = await refused({
      Origin: `https://${'x'.repeat(5000)}`,
      'Sec-Fetch-Site': '\u009d'.repeat(500),
    });
    expect(long.length).toBeLessThan(2000);
    expect(long).toMatch(/^[ -~…]+$/);
  });

  it('R63: holds no token', async () => {
    for (const line of await refused(FROM_ELSEWHERE)) expect(line).not.toMatch(/af_[ar]t_/);
  });
});

describe.each(ADAPTERS)('csrf options on %s', (adapter) => {
  const started = async (
    csrf: CsrfOptions | false,
    work: (request: (method: string, headers?: Record<string, string>) => Promise<number>) => Promise<void>,
  ): Promise<void> => {
    const t = await startApp({ adapter, controllers: CONTROLLERS, options: { csrf } });
    try {
      const { accessToken } = await t.tokens.generateCookieToken(await t.createUser());
      await work(async (method, headers = {}) => {
        const answer = await send(`${t.url}/guarded/cookie`, {
          method,
          headers: { ...cookie(accessToken), ...headers },
        });
        return answer.status;
      });
    } finally {
      await t.close();
    }
  };

  it('R54: requireOrigin refuses writes that say nothing of where they come from', () =>
    started({ requireOrigin: true }, async (request) => {
      expect(await request('POST')).toBe(403);
      expect(await request('GET')).toBe(200);
      expect(await request('POST', { 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
      expect(await request('POST', { Host: 'api.example.com', Origin: 'https://api.example.com' })).toBe(200);
    }));

  it('csrf: false switches the defence off', () =>
    started(false, async (request) => {
      expect(await request('POST', FROM_ELSEWHERE)).toBe(200);
      expect(await request('DELETE', { Origin: 'null' })).toBe(200);
    }));

  it.each([
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://user@app.example.com',
    'https://*.example.com',
    'https://app.example.com:443',
    'https://APP.example.com',
    'app.example.com',
    'ftp://app.example.com',
    'null',
    '*',
    '',
  ])('R56: a trusted origin "%s" stops the boot', async (origin) => {
    const boot = startApp({ adapter, options: { csrf: { trustedOrigins: [origin] } } });
    await expect(boot).rejects.toThrow(AuthentifyConfigurationError);
    await expect(boot).rejects.toThrow(/csrf.*trustedOrigins/);
  });
});
