import { ForbiddenException, Logger, type LoggerService } from '@nestjs/common';
import {
  type AuthenticatedRequest,
  AuthentifyEvents,
  type AuthentifyEvent,
  CookieAuthGuard,
  type IssuedTokens,
} from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ADAPTERS } from '../support/app.js';
import type { User } from '../support/users.js';
import { AdminGuard, type AdminApp, startAdmin } from './admin-app.js';

/** The app's functions fail on purpose here. */
const SILENT: LoggerService = { log() {}, warn() {}, error() {} };
const HOUR = 3_600_000;
const ACTS = new Set(['issued', 'revoked', 'edited', 'deleted']);
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString();

/** What is told of acts while something is done. */
async function toldDuring(t: AdminApp, work: () => Promise<unknown>): Promise<AuthentifyEvent[]> {
  const told: AuthentifyEvent[] = [];
  const subscription = t.app.get(AuthentifyEvents).subscribe((event) => void told.push(event));
  await work();
  subscription.unsubscribe();
  return told.filter(({ type }) => ACTS.has(type));
}

describe.each(ADAPTERS)('R76: what an administrator does is told with who did it, on %s', (adapter) => {
  let t: AdminApp;
  let user: User;
  let session: IssuedTokens;
  let by: { by: string; via: 'admin' };
  const told = (work: () => Promise<unknown>): Promise<AuthentifyEvent[]> => toldDuring(t, work);
  const path = (suffix = ''): string => `/sessions/${session.token.id}${suffix}`;
  const its = (): object => ({ sessionId: session.token.id, userId: user.id, authType: 'header' });
  beforeAll(async () => {
    t = await startAdmin({ adapter });
    by = { by: String(t.admin.id), via: 'admin' };
  });
  beforeEach(async () => {
    user = await t.createUser();
    session = await t.tokens.generateHeaderToken(user, { accessExpiresIn: '1h', refreshExpiresIn: '24h' });
  });
  afterAll(() => t.close());

  it('an issued token, which is taken for no login', async () => {
    const [issued, ...more] = await told(() => t.ask('POST', '/sessions', { userId: user.id, type: 'cookie' }));
    expect(issued).toMatchObject({ type: 'issued', userId: user.id, authType: 'cookie', ...by });
    expect(more).toEqual([]);
    const [login] = await told(() => t.tokens.generateCookieToken(user));
    expect(Object.keys(login!)).not.toContain('by');
    expect(Object.keys(login!)).not.toContain('via');
  });

  it('one ended session, and all of a user', async () => {
    const at = expect.any(Date) as Date;
    const { sessionId, userId } = its() as { sessionId: string; userId: number };
    expect(await told(() => t.ask('POST', path('/revoke')))).toEqual([
      { type: 'revoked', reason: 'revoked', count: 1, sessionId, userId, at, ...by },
    ]);
    await t.tokens.generateHeaderToken(user);
    await t.tokens.generateHeaderToken(user);
    expect(await told(() => t.ask('POST', '/sessions/revoke-all', { userId: String(user.id) }))).toEqual([
      { type: 'revoked', reason: 'revoked-all', count: 2, userId, at, ...by },
    ]);
    const again = await t.tokens.generateHeaderToken(user);
    const [own] = await told(() => t.tokens.revokeToken(again.token));
    expect(Object.keys(own!)).not.toContain('via');
  });

  it('new dates, with those before', async () => {
    const { expiresAt, refreshUntil } = session.token;
    const [cut, longer] = [inHours(2), inHours(1.5)];
    const events = await told(() => t.ask('PATCH', path(), { expiresAt: longer, refreshUntil: cut }));
    expect(events).toEqual([
      {
        type: 'edited',
        ...its(),
        from: { expiresAt, refreshUntil, sessionExpiresAt: null },
        to: { expiresAt: new Date(longer), refreshUntil: new Date(cut), sessionExpiresAt: new Date(cut) },
        at: expect.any(Date) as Date,
        ...by,
      },
    ]);
  });

  it('a deleted row, and that a live session ended with it', async () => {
    const events = await told(() => t.ask('DELETE', path()));
    expect(events).toMatchObject([
      { type: 'revoked', reason: 'revoked', count: 1, sessionId: session.token.id, userId: user.id, ...by },
      { type: 'deleted', ...its(), ...by },
    ]);
  });

  it('nothing that did not happen', async () => {
    const unknown = '/sessions/01890a5d-ac96-774b-bcce-b302099a8057';
    const events = await told(async () => {
      await t.ask('POST', '/sessions', { userId: 4_711, type: 'header' });
      await t.ask('POST', '/sessions', { userId: user.id, type: 'header', accessExpiresIn: 0 });
      await t.ask('POST', '/sessions', { userId: user.id, type: 'header' }, { 'Sec-Fetch-Site': 'cross-site' });
      await t.ask('POST', '/sessions/revoke-all', { userId: 4_711 });
      await t.ask('PATCH', path(), { expiresAt: '2020-01-01' });
      await t.ask('PATCH', path(), { refreshUntil: null });
      for (const method of ['PATCH', 'DELETE']) await t.ask(method, unknown, { expiresAt: inHours(1) });
      await t.ask('POST', `${unknown}/revoke`);
      await t.ask('DELETE', path(), { all: true });
      for (const read of ['', '/sessions', '/users?search=a']) await t.ask('GET', read);
    });
    expect(events).toEqual([]);
    await t.ask('DELETE', path());
    expect(await told(() => t.ask('DELETE', path()))).toEqual([]);
    expect(await told(() => t.ask('POST', path('/revoke')))).toEqual([]);
  });

  it('R63: no token and no digest', async () => {
    let pair = '';
    const events = await told(async () => {
      const { json } = await t.ask('POST', '/sessions', { userId: user.id, type: 'header' });
      pair = json.accessToken as string;
      const { id } = json.session as { id: string };
      await t.ask('PATCH', `/sessions/${id}`, { expiresAt: inHours(2) });
      await t.ask('DELETE', `/sessions/${id}`);
    });
    expect(events).toHaveLength(4);
    const text = JSON.stringify(events);
    for (const secret of [pair, session.accessToken, session.refreshToken!]) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/[0-9a-f]{64}|hash|salt/i);
  });
});

describe.each(ADAPTERS)('R76: who an administrator is, on %s', (adapter) => {
  let t: AdminApp;
  const start = async (setup: Parameters<typeof startAdmin>[0]): Promise<void> => {
    t = await startAdmin({ adapter, logger: SILENT, ...setup });
  };
  const revokeOwn = async (): Promise<{ status: number; events: AuthentifyEvent[] }> => {
    let status = 0;
    const { token } = await t.tokens.generateHeaderToken(t.admin);
    const events = await toldDuring(t, async () => {
      ({ status } = await t.ask('POST', `/sessions/${token.id}/revoke`));
    });
    return { status, events };
  };
  afterEach(() => t.close());

  it('says the app, where its guards know more than a key', async () => {
    const actor = ({ user, auth }: AuthenticatedRequest<User>): string => `${user.email} (${auth.authType})`;
    await start({ admin: { actor } });
    const { status, events } = await revokeOwn();
    expect([status, events]).toMatchObject([200, [{ by: 'admin@example.com (cookie)', via: 'admin' }]]);
  });

  it.each([
    ['a failure', () => rethrow(new Error('no such header')), 500],
    ['a refusal', () => rethrow(new ForbiddenException('Use your own account')), 403],
    ['nobody', () => undefined, 500],
    ['an empty name', () => '', 500],
    ['a number', () => 7, 500],
    ['an object', () => ({ id: 7 }), 500],
    ['a promise', () => Promise.resolve('eve'), 500],
    ['two lines', () => 'eve\nrevoked by bob', 500],
    ['a name without end', () => 'e'.repeat(256), 500],
  ])('has to be said: with %s nothing is done', async (_, actor, refusal) => {
    await start({ admin: { actor: actor as () => string } });
    const { token } = await t.tokens.generateHeaderToken(t.admin);
    const before = await t.rows();
    const events = await toldDuring(t, async () => {
      for (const [method, path, body] of [
        ['POST', '/sessions', { userId: t.admin.id, type: 'header' }],
        ['POST', '/sessions/revoke-all', { userId: t.admin.id }],
        ['POST', `/sessions/${token.id}/revoke`, {}],
        ['PATCH', `/sessions/${token.id}`, { expiresAt: inHours(2) }],
        ['DELETE', `/sessions/${token.id}`, {}],
      ] as const) {
        const { status, json } = await t.ask(method, path, body);
        expect([status, json.accessToken]).toEqual([refusal, undefined]);
      }
    });
    expect(events).toEqual([]);
    expect(await t.rows()).toEqual(before);
    expect((await t.ask('GET', '/sessions')).status).toBe(200);
  });

  it("is the user's id where a guard of the app's own found a user", async () => {
    const guard = {
      canActivate: (context: { switchToHttp(): { getRequest(): { user?: object } } }) => {
        context.switchToHttp().getRequest().user = { id: 'eve', name: 'Eve' };
        return true;
      },
    };
    await start({ admin: { guards: [guard] } });
    expect((await revokeOwn()).events).toMatchObject([{ by: 'eve', via: 'admin' }]);
  });

  it('is not told where the guards know nobody, and the log says once what to do', async () => {
    const warnings: string[] = [];
    const logger = { log() {}, error() {}, warn: (text: string) => void warnings.push(text) };
    await start({ admin: { guards: [{ canActivate: () => true }] } });
    Logger.overrideLogger(logger);
    const [first, second] = [await revokeOwn(), await revokeOwn()];
    Logger.overrideLogger(false);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.events).toMatchObject([{ type: 'revoked', via: 'admin' }]);
    expect(Object.keys(first.events[0]!)).not.toContain('by');
    expect(warnings).toEqual([expect.stringMatching(/set the option actor/)]);
  });

  it('also of what the session limit ends for a token that is issued', async () => {
    await start({ options: { enforceSingleLogin: true }, admin: { guards: [CookieAuthGuard, AdminGuard] } });
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    const events = await toldDuring(t, () => t.ask('POST', '/sessions', { userId: user.id, type: 'header' }));
    const by = { by: String(t.admin.id), via: 'admin' };
    expect(events).toMatchObject([
      { type: 'revoked', reason: 'single-login', sessionId: token.id, ...by },
      { type: 'issued', userId: user.id, ...by },
    ]);
  });
});

function rethrow(error: Error): never {
  throw error;
}
