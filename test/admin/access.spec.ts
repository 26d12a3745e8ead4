import { map } from 'rxjs';
import { AuthentifyConfigurationError, CookieAuthGuard } from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS } from '../support/app.js';
import { cookie, send } from '../requests/client.js';
import { AdminGuard, type AdminApp, COOKIE, PATH, startAdmin } from './admin-app.js';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const READS = ['', '/page/admin.js', '/page/admin.css', '/sessions', '/users?search=a'];
const WRITES: [string, string][] = [
  ['POST', '/sessions'],
  ['POST', '/sessions/revoke-all'],
  ['POST', `/sessions/${ID}/revoke`],
  ['PATCH', `/sessions/${ID}`],
  ['DELETE', `/sessions/${ID}`],
];

describe.each(ADAPTERS)('the way into the admin on %s', (adapter) => {
  let t: AdminApp;
  let outsider: Record<string, string>;
  beforeAll(async () => {
    t = await startAdmin({ adapter });
    outsider = cookie((await t.tokens.generateCookieToken(await t.createUser())).accessToken, COOKIE);
  });
  afterAll(() => t.close());

  it.each([...READS.map((path): [string, string] => ['GET', path]), ...WRITES])(
    'is closed by the app to everybody else: %s %s',
    async (method, path) => {
      expect((await t.ask(method, path, {}, { Cookie: '' })).status).toBe(401);
      expect((await t.ask(method, path, {}, outsider)).status).toBe(403);
      expect([200, 201, 400, 404]).toContain((await t.ask(method, path)).status);
    },
  );

  it.each(WRITES)('R54: is closed to other sites: %s %s', async (method, path) => {
    const before = await t.rows();
    const statements = await t.statements.during(async () => {
      for (const origin of [{ 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'same-site' }]) {
        const answer = await t.ask(method, path, { userId: t.admin.id, type: 'header' }, origin);
        expect([answer.status, answer.json.errorCode]).toEqual([403, 'cross_site_request']);
      }
    });
    expect(statements).toEqual([]);
    expect(await t.rows()).toEqual(before);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    '',
    'text/plain; application/json',
  ])('takes nothing that a form could send: %j', async (type) => {
    const before = await t.rows();
    for (const [method, path] of WRITES) {
      const answer = await t.ask(method, path, { userId: t.admin.id, type: 'header' }, { 'Content-Type': type });
      expect(answer.status).toBe(415);
    }
    expect(await t.rows()).toEqual(before);
  });

  it('serves its page under a policy that lets nothing in from elsewhere', async () => {
    const { headers, text } = await t.ask('GET', '');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; " +
        "frame-ancestors 'none'; base-uri 'none'",
    );
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['cache-control']).toBe('no-store');
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?! type="module" src=)|https?:|\{\{/);
  });

  it('serves the files the page names, and no others', async () => {
    const { text } = await t.ask('GET', '');
    const names = [...text.matchAll(/(?:src|href)="(sessions\/page\/[\w.]+)"/g)].map(([, name]) => name);
    expect(names).toEqual(['sessions/page/admin.css', 'sessions/page/admin.js']);
    for (const name of names) {
      const answer = await send(new URL(name!, `${t.url}/${PATH}`).href, {
        headers: cookie(t.session.accessToken, COOKIE),
      });
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toMatch(/^text\/(css|javascript); charset=utf-8$/);
    }
    for (const name of ['nothing.js', '..%2Findex.js', '..%2F..%2F..%2Fpackage.json', '__proto__', 'constructor']) {
      expect((await t.ask('GET', `/page/${name}`)).status).toBe(404);
    }
  });
});

describe.each(ADAPTERS)('the admin in apps of other kinds on %s', (adapter) => {
  const within = async (
    setup: Parameters<typeof startAdmin>[0],
    work: (t: AdminApp) => Promise<void>,
  ): Promise<void> => {
    const t = await startAdmin({ adapter, ...setup });
    try {
      await work(t);
    } finally {
      await t.close();
    }
  };

  it('lives under a global prefix, and its page finds its files there', () =>
    within({ configure: (app) => void app.setGlobalPrefix('api/v1') }, async (t) => {
      const url = `${t.url}/api/v1/${PATH}`;
      const headers = cookie(t.session.accessToken, COOKIE);
      const page = await send(url, { headers });
      expect(page.text).toContain('href="sessions/page/admin.css"');
      expect((await send(`${url}/page/admin.css`, { headers })).status).toBe(200);
      expect((await send(`${url}/sessions`, { headers })).json.sessions).toHaveLength(1);
    }));

  it('answers as it is where an interceptor of the app wraps all answers', () =>
    within(
      {
        configure: (app) => {
          app.useGlobalInterceptors({ intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))) });
        },
      },
      async (t) => {
        expect((await t.ask('GET', '')).text).toMatch(/^<!doctype html>/);
        expect((await t.ask('GET', '/sessions')).json.sessions).toHaveLength(1);
        expect((await t.ask('POST', '/sessions', { userId: t.admin.id, type: 'header' })).json.accessToken).toMatch(
          /^af_at_/,
        );
      },
    ));

  it('R54: checks where writes come from also where the app has switched its own check off', () =>
    within({ options: { csrf: false }, admin: { guards: [{ canActivate: () => true }] } }, async (t) => {
      const issue = { userId: t.admin.id, type: 'header' };
      for (const [method, path] of WRITES) {
        expect((await t.ask(method, path, issue, { 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403);
        expect(
          (await t.ask(method, path, issue, { 'Sec-Fetch-Site': '', Origin: 'https://evil.example' })).status,
        ).toBe(403);
      }
      expect((await t.ask('POST', '/sessions', issue)).status).toBe(201);
    }));

  it.each([
    ['a column that is not there', 'mail'],
    ['a column that is no text', 'id'],
  ])('does not boot with %s to search', async (_, column) => {
    const boot = startAdmin({ adapter, admin: { searchColumns: [column as 'email'] } });
    await expect(boot).rejects.toThrow(AuthentifyConfigurationError);
    await expect(boot).rejects.toThrow(`searchColumns names "${column}"`);
  });

  it('does not boot without what its guards inject', async () => {
    const boot = startAdmin({ adapter, admin: { guards: [CookieAuthGuard, AdminGuard], imports: [] } });
    await expect(boot).rejects.toThrow(/dependencies of the AdminGuard/);
  });
});
