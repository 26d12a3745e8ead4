import { AuthType, type IssuedTokens } from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Answer, bearer, send } from '../requests/client.js';
import {
  BAD_CREDENTIAL,
  GuardedController,
  INVALID_TOKEN,
  NOTHING_PRESENTED,
  verdict,
} from '../requests/controllers.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { cookiesOf, JSON_TYPE, sessionClient, tokensInCookies } from './client.js';

const MINUTE = 60_000;
const FROM_ELSEWHERE = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };
const BAD_COOKIE = [401, 'Cookie realm="api", error="invalid_token"'];
const CLEARED = [
  '__Host-token=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
  '__Host-refresh-token=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict',
];

/** Nothing a program could log in with. */
const holdsNoToken = ({ text }: Answer): boolean => !text.includes('af_');

describe.each(ADAPTERS)('session routes on %s', (adapter) => {
  let t: TestApp;
  let routes: ReturnType<typeof sessionClient>;
  let user: User;
  const open = (authType: AuthType, context = {}): Promise<IssuedTokens> =>
    authType === 'header'
      ? t.tokens.generateHeaderToken(user, { context })
      : t.tokens.generateCookieToken(user, { context });
  const isLive = async ({ token }: IssuedTokens): Promise<boolean> =>
    (await t.tokens.listUserTokens(token.userId)).some(({ id }) => id === token.id);

  beforeAll(async () => {
    const extras = { sessionRoutes: { path: 'auth' }, guardAllRoutes: true };
    t = await startApp({ adapter, extras, controllers: [GuardedController], options: { tokenTtl: '1h' } });
    routes = sessionClient(`${t.url}/auth`);
  });
  beforeEach(async () => {
    user = await t.createUser();
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => t.close());

  describe('refresh', () => {
    it('R58: in header mode answers the next pair in the body, and sets no cookie', async () => {
      const session = await open('header');
      const answer = await routes.refresh(session.refreshToken);
      expect([answer.status, answer.cookies]).toEqual([200, []]);
      expect(Object.keys(answer.json).toSorted()).toEqual(['accessToken', 'expiresAt', 'refreshToken', 'refreshUntil']);
      expect(await t.tokens.verifyToken(answer.json.accessToken as string, 'header')).toMatchObject({
        id: session.token.id,
      });
      expect(await t.tokens.verifyToken(session.accessToken)).toBeNull();
    });

    it('R58: in cookie mode puts the next pair into cookies, and no token into the body', async () => {
      const session = await open('cookie');
      const answer = await routes.refreshByCookie(session);
      expect([answer.status, Object.keys(answer.json).toSorted()]).toEqual([200, ['expiresAt', 'refreshUntil']]);
      expect(holdsNoToken(answer)).toBe(true);
      const next = tokensInCookies(answer);
      expect(next.refreshToken).toMatch(/^af_rt_/);
      expect(await t.tokens.verifyToken(next.accessToken, 'cookie')).toMatchObject({ id: session.token.id });
      expect(answer.cookies.map((line) => line.replace(/=af_\w+/, ''))).toEqual([
        expect.stringMatching(/^__Host-token; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
        expect.stringMatching(/^__Host-refresh-token; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Strict$/),
      ]);
    });

    it('with both a body and a cookie takes the body alone, good or bad', async () => {
      const [inBody, inCookie] = [await open('header'), await open('cookie')];
      const good = await routes.refresh(inBody.refreshToken, { ...cookiesOf(inCookie), ...FROM_ELSEWHERE });
      expect([good.status, good.cookies]).toEqual([200, []]);
      const bad = await routes.refresh('af_rt_bad', cookiesOf(inCookie));
      expect([...verdict(bad), bad.cookies]).toEqual([...BAD_CREDENTIAL, []]);
      expect((await routes.refreshByCookie(inCookie)).status).toBe(200);
    });

    it('R32: a retry, or a second tab, gets the same pair again', async () => {
      const [header, cookie] = [await open('header'), await open('cookie')];
      const first = await routes.refresh(header.refreshToken);
      expect((await routes.refresh(header.refreshToken)).json).toEqual(first.json);
      const [one, other] = [await routes.refreshByCookie(cookie), await routes.refreshByCookie(cookie)];
      expect(tokensInCookies(other)).toEqual(tokensInCookies(one));
    });

    it('R20: a token in the wrong place is refused, and its session lives on', async () => {
      const [header, cookie] = [await open('header'), await open('cookie')];
      expect(verdict(await routes.refresh(cookie.refreshToken))).toEqual(BAD_CREDENTIAL);
      expect(verdict(await routes.refreshByCookie(header))).toEqual(BAD_COOKIE);
      expect([await isLive(header), await isLive(cookie)]).toEqual([true, true]);
    });

    it('R40, R60: every failure is the one 401, and leaves the cookies alone', async () => {
      const used = await open('cookie');
      await routes.refreshByCookie(used);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + MINUTE });
      const ended = await open('cookie');
      await t.tokens.revokeToken(ended.token);
      const answers = [
        await routes.refreshByCookie(used),
        await routes.refreshByCookie(ended),
        await routes.refreshByCookie({ accessToken: used.accessToken, refreshToken: 'af_rt_nonsense' }),
        await routes.refreshByCookie({
          accessToken: used.accessToken,
          refreshToken: `${ended.refreshToken}; __Host-refresh-token=${used.refreshToken}`,
        }),
      ];
      for (const answer of answers) {
        expect([...verdict(answer), answer.json, answer.cookies]).toEqual([...BAD_COOKIE, INVALID_TOKEN, []]);
      }
      const expired = await open('header');
      vi.setSystemTime(Date.now() + 8 * 24 * 60 * MINUTE);
      const late = await routes.refresh(expired.refreshToken);
      expect([...verdict(late), late.json, late.cookies]).toEqual([...BAD_CREDENTIAL, INVALID_TOKEN, []]);
    });

    it('R61: nothing presented is a 401 that calls nothing invalid', async () => {
      for (const answer of [
        await routes.call('POST', 'refresh'),
        await routes.call('POST', 'refresh', { headers: JSON_TYPE, body: '{}' }),
        await routes.call('POST', 'refresh', { headers: { Cookie: '__Host-refresh-token=' } }),
      ]) {
        expect([...verdict(answer), answer.json, answer.cookies]).toEqual([...NOTHING_PRESENTED, INVALID_TOKEN, []]);
      }
    });

    it.each([1, true, {}, [], ['af_rt_x']])(
      'R14: a refreshToken %j in the body is a 400 without SQL',
      async (value) => {
        const cookie = await open('cookie');
        const statements = await t.statements.during(async () => {
          expect((await routes.refresh(value)).status).toBe(400);
          expect((await routes.refresh(value, cookiesOf(cookie))).status).toBe(400);
        });
        expect(statements).toEqual([]);
      },
    );

    it.each([
      'application/x-www-form-urlencoded',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/jsonx',
    ])(
      'R11, RFC 6750 §2.2: a body of type %s is not read, and neither is the cookie beside it: 415, or 400, without SQL',
      async (type) => {
        const [header, cookie] = [await open('header'), await open('cookie')];
        const form = `refreshToken=${header.refreshToken}`;
        const statements = await t.statements.during(async () => {
          const answers = [
            await routes.call('POST', 'refresh', { headers: { 'Content-Type': type }, body: form }),
            await routes.call('POST', 'refresh', {
              headers: { 'Content-Type': type, ...cookiesOf(cookie) },
              body: form,
            }),
          ];
          expect(answers.map(({ status }) => status)).toEqual([415, 415]);
        });
        expect(statements).toEqual([]);
      },
    );

    it('R11, RFC 6750 §2.3: a query string is not read', async () => {
      const session = await open('header');
      const statements = await t.statements.during(async () => {
        const answer = await routes.call('POST', `refresh?refreshToken=${session.refreshToken}`);
        expect(verdict(answer)).toEqual(NOTHING_PRESENTED);
      });
      expect(statements).toEqual([]);
    });

    it('is open to a stale access token, under guardAllRoutes too', async () => {
      const [header, cookie] = [await open('header'), await open('cookie')];
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61 * MINUTE });
      expect((await send(`${t.url}/guarded/either`, { headers: bearer(header.accessToken) })).status).toBe(401);
      expect((await routes.refresh(header.refreshToken, bearer(header.accessToken))).status).toBe(200);
      expect((await routes.refreshByCookie(cookie)).status).toBe(200);
    });
  });

  describe.each([AuthType.HEADER, AuthType.COOKIE])('in %s mode', (mode) => {
    const isCookie = mode === 'cookie';

    it('logout ends the session, and clears its cookies', async () => {
      const [session, other] = [await open(mode), await open(mode)];
      const answer = await routes.call('POST', 'logout', { headers: routes.credentials(session) });
      expect([answer.status, answer.text, answer.cookies]).toEqual([204, '', isCookie ? CLEARED : []]);
      expect(await t.tokens.verifyToken(session.accessToken)).toBeNull();
      expect(await t.tokens.refreshToken(session.refreshToken!)).toBeNull();
      expect(await isLive(other)).toBe(true);
    });

    it('R50, RFC 7009 §2.2: logout of a session that has ended is the same answer, as often as one likes', async () => {
      const session = await open(mode);
      const headers = routes.credentials(session);
      const answers = [1, 2, 3].map(() => routes.call('POST', 'logout', { headers }));
      for (const answer of await Promise.all(answers)) {
        expect([answer.status, answer.cookies]).toEqual([204, isCookie ? CLEARED : []]);
      }
      const again = await routes.call('POST', 'logout', { headers });
      expect([again.status, again.cookies]).toEqual([204, isCookie ? CLEARED : []]);
    });

    it('R49: logout ends a session whose access token has run out, by its refresh token', async () => {
      const session = await open(mode);
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 61 * MINUTE });
      const answer = isCookie
        ? await routes.call('POST', 'logout', { headers: { Cookie: `__Host-refresh-token=${session.refreshToken}` } })
        : await routes.call('POST', 'logout', {
            headers: { ...JSON_TYPE, ...bearer(session.accessToken) },
            body: JSON.stringify({ refreshToken: session.refreshToken }),
          });
      expect([answer.status, answer.cookies]).toEqual([204, isCookie ? CLEARED : []]);
      expect(await isLive(session)).toBe(false);
    });

    it('logout-all ends every session of the user, and nobody else’s', async () => {
      const sessions = [await open(mode), await open('header'), await open('cookie')];
      const stranger = await t.tokens.generateHeaderToken(await t.createUser());
      const answer = await routes.call('POST', 'logout-all', { headers: routes.credentials(sessions[0]!) });
      expect([answer.status, answer.cookies]).toEqual([204, isCookie ? CLEARED : []]);
      expect(await t.tokens.listUserTokens(user)).toEqual([]);
      expect(await isLive(stranger)).toBe(true);
    });

    it('logout-others ends every session of the user but this one, whose cookies stay', async () => {
      const session = await open(mode);
      await open('header');
      await open('cookie');
      const answer = await routes.call('POST', 'logout-others', { headers: routes.credentials(session) });
      expect([answer.status, answer.cookies]).toEqual([204, []]);
      expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toEqual([session.token.id]);
    });

    it('R53: sessions are listed newest first, without secrets, and the asking one is marked', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
      const older = await open('cookie', { device: 'tablet' });
      vi.setSystemTime(Date.now() + 1);
      const session = await open(mode, { device: 'laptop' });
      await t.tokens.generateHeaderToken(await t.createUser());
      const answer = await routes.call('GET', 'sessions', { headers: routes.credentials(session) });
      const view = ({ token }: IssuedTokens, current: boolean) => ({
        id: token.id,
        context: token.context,
        createdAt: token.createdAt.toISOString(),
        lastRefreshedAt: token.lastRefreshedAt.toISOString(),
        expiresAt: token.expiresAt!.toISOString(),
        refreshUntil: token.refreshUntil!.toISOString(),
        current,
      });
      expect([answer.status, answer.json]).toEqual([200, [view(session, true), view(older, false)]]);
    });

    it('R50: a session is ended by its id; unknown, foreign, ended and malformed ids get the same answer', async () => {
      const [session, other] = [await open(mode), await open('header')];
      const foreign = await t.tokens.generateHeaderToken(await t.createUser());
      const end = (id: string) => routes.call('DELETE', `sessions/${id}`, { headers: routes.credentials(session) });
      const unknown = '0190a0a0-0000-7000-8000-000000000000';
      for (const id of [other.token.id, other.token.id, foreign.token.id, unknown, 'nonsense', '%00', "'--"]) {
        const answer = await end(id);
        expect([answer.status, answer.text, answer.cookies], id).toEqual([204, '', []]);
      }
      expect([await isLive(session), await isLive(other), await isLive(foreign)]).toEqual([true, false, true]);
    });

    it('R50: a session is ended by its id in capitals too, as iOS writes ids', async () => {
      const [session, other] = [await open(mode), await open('header')];
      const path = `sessions/${other.token.id.toUpperCase()}`;
      const answer = await routes.call('DELETE', path, { headers: routes.credentials(session) });
      expect([answer.status, await isLive(session), await isLive(other)]).toEqual([204, true, false]);
    });

    it('R54: requests of other sites change nothing with a cookie; a header is exempt', async () => {
      const [session, other] = [await open(mode), await open(mode)];
      const headers = { ...routes.credentials(session), ...FROM_ELSEWHERE };
      const paths = [
        'POST refresh',
        'POST logout',
        'POST logout-all',
        'POST logout-others',
        `DELETE sessions/${other.token.id}`,
      ];
      const denied = await t.statements.during(async () => {
        for (const path of isCookie ? paths : []) {
          const [method = '', name = ''] = path.split(' ');
          const answer = await routes.call(method, name, { headers });
          expect([...verdict(answer), answer.json.errorCode, answer.cookies]).toEqual([
            403,
            undefined,
            'cross_site_request',
            [],
          ]);
        }
      });
      expect(denied).toEqual([]);
      expect([await isLive(session), await isLive(other)]).toEqual([true, true]);
      if (!isCookie) expect((await routes.call('POST', 'logout', { headers })).status).toBe(204);
      expect(
        (await routes.call('GET', 'sessions', { headers: { ...routes.credentials(other), ...FROM_ELSEWHERE } })).status,
      ).toBe(200);
    });

    it('R59, RFC 6749 §5.1: no cache keeps any answer', async () => {
      const session = await open(mode);
      const headers = routes.credentials(session);
      const answers = [
        isCookie ? await routes.refreshByCookie(session) : await routes.refresh(session.refreshToken),
        await routes.refresh('bad'),
        await routes.refresh(1),
        await routes.call('GET', 'sessions', { headers }),
        await routes.call('GET', 'sessions'),
        await routes.call('POST', 'logout-others', { headers: routes.credentials(await open(mode)) }),
        await routes.call('DELETE', 'sessions/x', { headers: routes.credentials(await open(mode)) }),
        await routes.call('POST', 'logout-all', { headers: routes.credentials(await open(mode)) }),
        await routes.call('POST', 'logout', { headers }),
      ];
      expect(answers.map((answer) => answer.headers['cache-control'])).toEqual(answers.map(() => 'no-store'));
    });

    it('R20: credentials of the other transport are refused', async () => {
      const session = await open(mode);
      const wrong = isCookie ? bearer(session.accessToken) : cookiesOf(session);
      for (const path of ['GET sessions', 'POST logout-all', 'POST logout-others', 'DELETE sessions/x']) {
        const [method = '', name = ''] = path.split(' ');
        expect((await routes.call(method, name, { headers: wrong })).status).toBe(401);
      }
      expect(await isLive(session)).toBe(true);
    });
  });

  it('sessions are listed page by page, one’s own alone', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const sessions: IssuedTokens[] = [];
    for (let count = 0; count < 103; count += 1) {
      vi.setSystemTime(Date.now() + 1);
      sessions.unshift(await open('header'));
    }
    const ids = sessions.map(({ token }) => token.id);
    const headers = bearer(sessions[0]!.accessToken);
    const list = async (query: string) => {
      const { status, json } = await routes.call('GET', `sessions${query}`, { headers });
      return [status, (json as unknown as { id: string }[]).map(({ id }) => id)];
    };
    expect(await list('')).toEqual([200, ids.slice(0, 100)]);
    expect(await list(`?before=${ids[99]}`)).toEqual([200, ids.slice(100)]);
    expect(await list(`?limit=2&before=${ids[1]!.toUpperCase()}`)).toEqual([200, ids.slice(2, 4)]);
    vi.setSystemTime(Date.now() + 1);
    const foreign = await t.tokens.generateHeaderToken(await t.createUser());
    expect(await list(`?limit=1&before=${foreign.token.id}`)).toEqual([200, ids.slice(0, 1)]);
    await t.tokens.revokeToken({ id: ids[1]! });
    expect(await list(`?limit=1&before=${ids[1]}`)).toEqual([200, ids.slice(2, 3)]);
  });

  it.each([
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=1.5',
    'limit=',
    'limit=1e1',
    'limit=1&limit=2',
    'before=x',
    'before=',
  ])('a list asked for by %s is a 400 without a list', async (query) => {
    const { accessToken } = await open('header');
    const answer = await routes.call('GET', `sessions?${query}`, { headers: bearer(accessToken) });
    expect([answer.status, Array.isArray(answer.json)]).toEqual([400, false]);
  });

  it('logout takes what the client states, and leaves cookies that ride along alone', async () => {
    const [header, cookie] = [await open('header'), await open('cookie')];
    const headers = { ...bearer(header.accessToken), ...cookiesOf(cookie), ...FROM_ELSEWHERE };
    const answer = await routes.call('POST', 'logout', { headers });
    expect([answer.status, answer.cookies]).toEqual([204, []]);
    expect([await isLive(header), await isLive(cookie)]).toEqual([false, true]);
    const bad = await routes.call('POST', 'logout', { headers: { ...headers, ...bearer('bad') } });
    expect([bad.status, bad.cookies, await isLive(cookie)]).toEqual([204, [], true]);
  });

  it('logout without any credential has nothing to do', async () => {
    const statements = await t.statements.during(async () => {
      const answer = await routes.call('POST', 'logout');
      expect([answer.status, answer.cookies]).toEqual([204, []]);
    });
    expect(statements).toEqual([]);
  });

  it('a plain HTML form of this site can log out', async () => {
    const session = await open('cookie');
    const headers = {
      ...cookiesOf(session),
      'Content-Type': 'application/x-www-form-urlencoded',
      'Sec-Fetch-Site': 'same-origin',
    };
    expect((await routes.call('POST', 'logout', { headers, body: '' })).status).toBe(204);
    expect(await isLive(session)).toBe(false);
  });

  it.each(['POST logout-all', 'POST logout-others', 'GET sessions', 'DELETE sessions/x'])(
    'R61: %s without a credential is the 401 of every other route',
    async (path) => {
      const [method = '', name = ''] = path.split(' ');
      const answer = await routes.call(method, name);
      expect([...verdict(answer), answer.json]).toEqual([...NOTHING_PRESENTED, INVALID_TOKEN]);
    },
  );
});
