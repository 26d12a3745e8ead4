import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, bearer } from '../requests/client.js';
import { cookiesOf, JSON_TYPE, sessionClient, tokensInCookies } from '../session-routes/client.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { foreignApp } from './app.js';

const extras = { sessionRoutes: { path: 'auth' }, guardAllRoutes: true };
/** What the library says in headers. */
const HEADERS = ['cache-control', 'www-authenticate', 'set-cookie', 'x-handled'];

/** What a client learns from an answer, without what is different each time. */
interface Seen {
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
}

/** Every session route with every kind of answer; each step by its name. */
async function walk(t: TestApp, base: string): Promise<Record<string, Seen>> {
  const routes = sessionClient(base);
  const seen: Record<string, Seen> = {};
  const note = async (step: string, asked: Promise<Answer>): Promise<Answer> => {
    const answer = await asked;
    seen[step] = seenIn(answer);
    return answer;
  };
  const [ann, ben] = [await t.createUser(), await t.createUser()];
  const header = await t.tokens.generateHeaderToken(ann, { context: { device: 'phone' } });
  const cookies = await t.tokens.generateCookieToken(ann);
  const other = await t.tokens.generateHeaderToken(ben);

  const refreshed = await note('refresh in a body', routes.refresh(header.refreshToken));
  const { accessToken, refreshToken } = refreshed.json as { accessToken: string; refreshToken: string };
  await note('the same refresh again', routes.refresh(header.refreshToken));
  const inCookies = tokensInCookies(await note('refresh in cookies', routes.refreshByCookie(cookies)));
  await note('sessions of one user', routes.call('GET', 'sessions', { headers: bearer(accessToken) }));
  await note('sessions of one user again', routes.call('GET', 'sessions', { headers: bearer(accessToken) }));
  await note('sessions of another user', routes.call('GET', 'sessions', { headers: bearer(other.accessToken) }));
  await note('sessions of nobody', routes.call('GET', 'sessions'));
  await note('an end by a foreign user', end(routes, cookies.token.id, other.accessToken));
  await note('an end', end(routes, cookies.token.id, accessToken));
  await note('a session that was ended', routes.call('GET', 'sessions', { headers: cookiesOf(inCookies) }));
  await note('a refresh of it', routes.refreshByCookie(inCookies));
  await note('a refresh with nothing', routes.call('POST', 'refresh'));
  await note('a refresh with a number', routes.refresh(7));
  await note('a refresh with a form', form(routes));
  await t.tokens.generateHeaderToken(ann);
  await note('logout of the others', routes.call('POST', 'logout-others', { headers: bearer(accessToken) }));
  await note('sessions afterwards', routes.call('GET', 'sessions', { headers: bearer(accessToken) }));
  await note('logout', routes.call('POST', 'logout', { headers: bearer(accessToken) }));
  await note('refresh after logout', routes.refresh(refreshToken));
  const [again, last] = [await t.tokens.generateCookieToken(ann), await t.tokens.generateHeaderToken(ben)];
  await note('logout in cookies', routes.call('POST', 'logout', { headers: cookiesOf(again) }));
  await note('logout everywhere', routes.call('POST', 'logout-all', { headers: bearer(other.accessToken) }));
  await note('another session then', routes.call('GET', 'sessions', { headers: bearer(last.accessToken) }));
  return seen;
}

const end = (routes: ReturnType<typeof sessionClient>, id: string, token: string) =>
  routes.call('DELETE', `sessions/${id}`, { headers: bearer(token) });

const form = (routes: ReturnType<typeof sessionClient>) =>
  routes.call('POST', 'refresh', {
    headers: { ...JSON_TYPE, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'refreshToken=x',
  });

/** An error's body is the app's to shape: what the library put into it is inside. */
function seenIn({ status, headers, json, text }: Answer): Seen {
  const wrapped = typeof json.error === 'object' ? json.error : json;
  const body = status >= 400 ? wrapped : text && (JSON.parse(text) as unknown);
  const told = HEADERS.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]);
  return JSON.parse(
    JSON.stringify({ status, headers: Object.fromEntries(told) as object, body })
      .replaceAll(/af_[ar]t_[0-9A-Za-z]+/g, 'TOKEN')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'DATE')
      .replaceAll(/Max-Age=[1-9]\d*/g, 'Max-Age=LEFT'),
  ) as Seen;
}

// What no database decides: one is enough.
describe.runIf(DATABASE === 'sqljs').each(ADAPTERS)(
  'R70: session routes on %s, in an app that wraps, caches, strips and catches everything',
  (adapter) => {
    let plain: TestApp;
    let foreign: TestApp;
    let expected: Record<string, Seen>;
    let actual: Record<string, Seen>;

    beforeAll(async () => {
      plain = await startApp({ adapter, extras });
      foreign = await startApp({ ...foreignApp(adapter), extras });
      expected = await walk(plain, `${plain.url}/auth`);
      // Session routes are no version of the app's interface.
      actual = await walk(foreign, `${foreign.url}/api/auth`);
    });
    afterAll(async () => {
      await plain.close();
      await foreign.close();
    });

    it('answer as they do in an app of nothing else', () => {
      expect(expected['refresh in a body']).toMatchObject({ status: 200, body: { accessToken: 'TOKEN' } });
      expect(expected['sessions of one user']?.body).toHaveLength(2);
      expect(actual).toEqual(expected);
    });

    it('are compressed as any other answer', async () => {
      const { accessToken } = await foreign.tokens.generateHeaderToken(await foreign.createUser());
      // Unlike the other client, fetch asks for it.
      const answer = await fetch(`${foreign.url}/api/auth/sessions`, { headers: bearer(accessToken) });
      expect(answer.headers.get('content-encoding')).not.toBeNull();
      expect(await answer.json()).toMatchObject([{ current: true }]);
    });

    it('R62: are a 503 in an outage', async () => {
      foreign.app.useLogger(false);
      const { accessToken, refreshToken } = await foreign.tokens.generateHeaderToken(await foreign.createUser());
      await foreign.dataSource.destroy();
      const routes = sessionClient(`${foreign.url}/api/auth`);
      const statuses = await Promise.all([
        routes.refresh(refreshToken),
        routes.call('GET', 'sessions', { headers: bearer(accessToken) }),
        routes.call('POST', 'logout', { headers: bearer(accessToken) }),
      ]);
      expect(statuses.map(({ status, json }) => [status, json.error])).toEqual(
        Array.from({ length: 3 }, () => [503, { statusCode: 503, message: 'Service Unavailable' }]),
      );
      await foreign.dataSource.initialize();
    });
  },
);
