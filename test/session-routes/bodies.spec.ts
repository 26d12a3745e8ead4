import { request as httpRequest } from 'node:http';
import { AuthentifyEvents, AuthType, type IssuedTokens } from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bearer } from '../requests/client.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';
import { cookiesOf, JSON_TYPE, sessionClient } from './client.js';

const HOUR = 3_600_000;
const FORM = 'application/x-www-form-urlencoded';
/** Types that clients state where they send nothing. */
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'APPLICATION/JSON;charset=UTF-8',
  FORM,
  'text/plain',
  'text/plain;charset=UTF-8',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  'application/vnd.api+json',
  'nonsense',
  undefined,
];
/** How they say that it is nothing. */
const NOTHINGS: Record<string, Record<string, string>> = {
  'Content-Length: 0': { 'Content-Length': '0' },
  'an empty chunked body': { 'Transfer-Encoding': 'chunked' },
  'no word of a body': {},
};
/** Bodies with content that these routes do not read. */
const UNREAD: [type: string | undefined, body: string][] = [
  [FORM, 'refreshToken='],
  ['text/plain', ''],
  ['application/merge-patch+json', ''],
  ['application/vnd.api+json', ''],
  ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="refreshToken"\r\n\r\n'],
  ['application/jsonx', ''],
  ['nonsense', ''],
  [undefined, ''],
];

/** Sends the head as given, and nothing after it. */
function sendNothing(url: string, method: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
    request.useChunkedEncodingByDefault = false;
    request.end();
  });
}

describe.each(ADAPTERS)('bodies of session routes on %s', (adapter) => {
  let t: TestApp;
  let routes: ReturnType<typeof sessionClient>;
  let user: User;
  const open = (authType: AuthType): Promise<IssuedTokens> =>
    authType === 'header' ? t.tokens.generateHeaderToken(user) : t.tokens.generateCookieToken(user);
  const isLive = async ({ token }: IssuedTokens): Promise<boolean> =>
    (await t.tokens.listUserTokens(token.userId)).some(({ id }) => id === token.id);
  const post = (path: string, type: string | undefined, body: string, headers: Record<string, string> = {}) =>
    routes.call('POST', path, { headers: { ...(type !== undefined && { 'Content-Type': type }), ...headers }, body });
  const logout = (body: unknown, headers: Record<string, string> = {}) =>
    post('logout', 'application/json', JSON.stringify(body), headers);

  beforeAll(async () => {
    t = await startApp({ adapter, extras: { sessionRoutes: { path: 'auth' } }, options: { tokenTtl: '1h' } });
    routes = sessionClient(`${t.url}/auth`);
  });
  beforeEach(async () => {
    user = await t.createUser();
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => t.close());

  it.each(Object.keys(NOTHINGS))('%s is no body, whatever its type', async (nothing) => {
    for (const type of TYPES) {
      const call = (method: string, path: string, session: IssuedTokens): Promise<number> =>
        sendNothing(`${t.url}/auth/${path}`, method, {
          ...cookiesOf(session),
          ...NOTHINGS[nothing],
          ...(type !== undefined && { 'Content-Type': type }),
        });
      const [session, other] = [await open('cookie'), await open('header')];
      expect(await call('DELETE', `sessions/${other.token.id.toUpperCase()}`, session), type).toBe(204);
      expect(await call('POST', 'logout-others', session), type).toBe(204);
      expect([await isLive(session), await isLive(other)], type).toEqual([true, false]);
      expect(await call('POST', 'refresh', session), type).toBe(200);
      const [two, three] = [await open('cookie'), await open('cookie')];
      expect(await call('POST', 'logout', two), type).toBe(204);
      expect(await call('POST', 'logout-all', three), type).toBe(204);
      expect([await isLive(session), await isLive(two), await isLive(three)], type).toEqual([false, false, false]);
    }
  });

  it.each(UNREAD)(
    'R74, RFC 9110 §15.5.16: a body of type %s is not read: 415 where nothing else is presented',
    async (type, form) => {
      const session = await open('header');
      const answer = await post('logout', type, form + session.refreshToken);
      expect([answer.status, await isLive(session)]).toEqual([415, true]);
      expect((await post('refresh', type, form + session.refreshToken)).status).toBe(415);
      const garbage = await post('logout', type, form + session.refreshToken, bearer('bad'));
      expect([garbage.status, await isLive(session)]).toEqual([415, true]);

      const cookie = await open('cookie');
      for (const [one, headers] of [
        [session, bearer(session.accessToken)],
        [cookie, cookiesOf(cookie)],
      ] as const) {
        const beside = await post('logout', type, form, headers);
        expect([beside.status, await isLive(one)]).toEqual([204, false]);
      }
    },
  );

  it.each(UNREAD)('a body of type %s does no harm to routes that read none', async (type, form) => {
    const [session, other] = [await open('header'), await open('header')];
    const headers = { ...bearer(session.accessToken), ...(type !== undefined && { 'Content-Type': type }) };
    const body = `${form}x`;
    expect((await routes.call('DELETE', `sessions/${other.token.id}`, { headers, body })).status).toBe(204);
    expect((await routes.call('POST', 'logout-others', { headers, body })).status).toBe(204);
    expect((await routes.call('POST', 'logout-all', { headers, body })).status).toBe(204);
    expect([await isLive(session), await isLive(other)]).toEqual([false, false]);
  });

  it('a body that comes in chunks is read', async () => {
    const session = await open('header');
    const url = `${t.url}/auth/refresh`;
    const response = await fetch(url, {
      method: 'POST',
      headers: JSON_TYPE,
      duplex: 'half',
      body: new ReadableStream<Uint8Array>({
        start(controller) {
          for (const part of ['{"refresh', 'Token":', JSON.stringify(session.refreshToken), '}'])
            controller.enqueue(new TextEncoder().encode(part));
          controller.close();
        },
      }),
    } as RequestInit);
    expect(response.status).toBe(200);
  });

  it.each(['application/json; charset=utf-8', 'Application/JSON', 'application/json ; charset="utf-8"'])(
    'JSON as %s is read',
    async (type) => {
      const session = await open('header');
      expect((await post('refresh', type, JSON.stringify({ refreshToken: session.refreshToken }))).status).toBe(200);
    },
  );

  it('RFC 6749 §6: the OAuth spelling is understood, both of them together if they say the same', async () => {
    const [one, two, three] = [await open('header'), await open('header'), await open('header')];
    const refresh = (body: object) => post('refresh', 'application/json', JSON.stringify(body));
    expect((await refresh({ refresh_token: one.refreshToken, grant_type: 'refresh_token' })).status).toBe(200);
    expect((await logout({ refresh_token: two.refreshToken })).status).toBe(204);
    const both = { refreshToken: three.refreshToken, refresh_token: three.refreshToken };
    expect((await refresh(both)).status).toBe(200);
    const different = { refreshToken: three.refreshToken, refresh_token: one.refreshToken };
    expect([(await refresh(different)).status, (await logout(different)).status]).toEqual([400, 400]);
    expect([await isLive(one), await isLive(two), await isLive(three)]).toEqual([true, false, true]);
  });

  it('a refresh token in the header is understood', async () => {
    const [one, two] = [await open('header'), await open('header')];
    const answer = await routes.call('POST', 'refresh', { headers: bearer(one.refreshToken!) });
    expect([answer.status, typeof answer.json.refreshToken, answer.cookies]).toEqual([200, 'string', []]);
    expect((await routes.refresh(two.refreshToken, bearer(two.refreshToken!))).status).toBe(200);
    expect((await routes.refresh(one.refreshToken, bearer(two.refreshToken!))).status).toBe(400);
    expect((await routes.call('POST', 'logout', { headers: bearer(two.refreshToken!) })).status).toBe(204);
    expect([await isLive(one), await isLive(two)]).toEqual([true, false]);
  });

  it('an access token refreshes nothing, but ends its session wherever it stands', async () => {
    const session = await open('header');
    expect((await routes.refresh(session.accessToken)).status).toBe(401);
    const inHeader = await routes.call('POST', 'refresh', { headers: bearer(session.accessToken) });
    expect([inHeader.status, inHeader.headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="api", error="invalid_token"',
    ]);
    expect(await isLive(session)).toBe(true);
    expect((await logout({ refreshToken: session.accessToken })).status).toBe(204);
    expect(await isLive(session)).toBe(false);
  });

  it('null is absent', async () => {
    const [header, cookie] = [await open('header'), await open('cookie')];
    const nothing = { refreshToken: null, refresh_token: null };
    expect((await logout(nothing, bearer(header.accessToken))).status).toBe(204);
    expect((await post('refresh', 'application/json', JSON.stringify(nothing), cookiesOf(cookie))).status).toBe(200);
    expect((await logout(nothing, cookiesOf(cookie))).status).toBe(204);
    expect([await isLive(header), await isLive(cookie)]).toEqual([false, false]);
  });

  it.each([1, true, {}, [], ['af_rt_x']])('R14: a token %j is a 400, and logs nobody out', async (value) => {
    const session = await open('header');
    for (const body of [{ refreshToken: value }, { refresh_token: value }]) {
      expect((await logout(body, bearer(session.accessToken))).status).toBe(400);
    }
    expect(await isLive(session)).toBe(true);
  });

  it('JSON that names nothing is a 400 where nothing else is presented, and otherwise passed over', async () => {
    for (const body of [{ token: 'af_rt_x' }, { refreshtoken: 'x' }, []]) expect((await logout(body)).status).toBe(400);
    const session = await open('header');
    expect((await logout({ reason: 'tired' }, bearer(session.accessToken))).status).toBe(204);
    expect(await isLive(session)).toBe(false);
    expect((await logout({})).status).toBe(204);
  });

  describe('R74: logout', () => {
    it.each([AuthType.HEADER, AuthType.COOKIE])(
      'ends a %s session whose access token has run out, by that token alone',
      async (mode) => {
        const session = await open(mode);
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2 * HOUR });
        const headers =
          mode === 'header' ? bearer(session.accessToken) : { Cookie: `__Host-token=${session.accessToken}` };
        const statements = await t.statements.during(async () => {
          const answer = await routes.call('POST', 'logout', { headers });
          expect([answer.status, answer.cookies.length]).toEqual([204, mode === 'cookie' ? 2 : 0]);
        });
        expect(statements.filter((sql) => !/COMMIT|START/.test(sql))).toHaveLength(2);
        expect(await isLive(session)).toBe(false);
      },
    );

    it('ends the session of a user who is locked', async () => {
      for (const token of ['accessToken', 'refreshToken'] as const) {
        const session = await open('header');
        await t.dataSource.getRepository(User).update(user.id, { isActive: false });
        expect((await logout({ refreshToken: session[token] })).status).toBe(204);
        expect(await isLive(session)).toBe(false);
      }
    });

    it('ends a session by its token in the wrong place', async () => {
      const [header, cookie] = [await open('header'), await open('cookie')];
      expect((await routes.call('POST', 'logout', { headers: bearer(cookie.accessToken) })).status).toBe(204);
      expect((await routes.call('POST', 'logout', { headers: cookiesOf(header) })).status).toBe(204);
      expect([await isLive(header), await isLive(cookie)]).toEqual([false, false]);
    });

    it('ends a session by a refresh token that was exchanged', async () => {
      const session = await open('header');
      await routes.refresh(session.refreshToken);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR });
      expect((await logout({ refreshToken: session.refreshToken })).status).toBe(204);
      expect(await isLive(session)).toBe(false);
    });

    it('ends all sessions that a request names', async () => {
      const [one, two, three, four] = [
        await open('header'),
        await open('header'),
        await open('cookie'),
        await open('cookie'),
      ];
      await logout({ refreshToken: two.refreshToken }, bearer(one.accessToken));
      await routes.call('POST', 'logout', {
        headers: cookiesOf({ accessToken: three.accessToken, refreshToken: four.refreshToken }),
      });
      expect(await Promise.all([one, two, three, four].map(isLive))).toEqual([false, false, false, false]);
    });

    it('RFC 7009 §2.2: is a 204 for what can no longer be named', async () => {
      for (const token of ['', 'bad', 'af_rt_bad']) expect((await logout({ refreshToken: token })).status).toBe(204);
      const gone = await open('header');
      await t.tokens.revokeToken(gone.token);
      expect((await logout({ refreshToken: gone.refreshToken }, bearer(gone.accessToken))).status).toBe(204);
    });

    it('tells of nothing but the end', async () => {
      const told: string[] = [];
      const subscription = t.app.get(AuthentifyEvents).subscribe(({ type }) => told.push(type));
      const session = await open('cookie');
      await routes.call('POST', 'logout', { headers: cookiesOf(session) });
      subscription.unsubscribe();
      expect(told).toEqual(['issued', 'revoked']);
    });
  });
});

describe.each(ADAPTERS)('session routes where the app parses no bodies on %s', (adapter) => {
  it('R74: are a 500 that says what is missing, and pretend nothing', async () => {
    const t = await startApp({
      adapter,
      bodyParser: false,
      extras: { sessionRoutes: { path: 'auth' } },
      configure: (app) => {
        if (adapter !== 'fastify') return;
        const fastify = app.getHttpAdapter().getInstance() as {
          removeAllContentTypeParsers(): void;
          addContentTypeParser(
            type: string,
            parse: (request: unknown, payload: unknown, done: (e: null) => void) => void,
          ): void;
        };
        // Fastify has a parser of its own; this one is what an app gets that reads bodies itself.
        fastify.removeAllContentTypeParsers();
        fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
      },
    });
    try {
      const routes = sessionClient(`${t.url}/auth`);
      const user = await t.createUser();
      const session = await t.tokens.generateHeaderToken(user);
      const body = JSON.stringify({ refreshToken: session.refreshToken });
      for (const path of ['refresh', 'logout']) {
        const answer = await routes.call('POST', path, { headers: JSON_TYPE, body });
        expect([answer.status, answer.json.message]).toEqual([500, expect.stringContaining('bodyParser')]);
      }
      expect(await t.tokens.listUserTokens(user)).toHaveLength(1);
      const beside = await routes.call('POST', 'logout', {
        headers: { ...JSON_TYPE, ...bearer(session.accessToken) },
        body,
      });
      expect([beside.status, await t.tokens.listUserTokens(user)]).toEqual([204, []]);
      const cookie = await t.tokens.generateCookieToken(user);
      expect((await routes.refreshByCookie(cookie)).status).toBe(200);
    } finally {
      await t.close();
    }
  });
});
