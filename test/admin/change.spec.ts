import {
  AuthentifyEvents,
  type AuthentifyEvent,
  type Duration,
  type IssuedTokens,
  type IssueTokenOptions,
} from 'nestjs-authentify';
import { travel, travelBack } from 'nestjs-authentify/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SessionTable } from '../../lib/store/session-table.js';
import { ADAPTERS } from '../support/app.js';
import { cookie } from '../requests/client.js';
import type { User } from '../support/users.js';
import { type AdminApp, COOKIE, startAdmin } from './admin-app.js';

const HOUR = 3_600_000;
const UNKNOWN = '01890a5d-ac96-774b-bcce-b302099a8057';
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR).toISOString();

describe.each(ADAPTERS)('what an administrator changes on %s', (adapter) => {
  let t: AdminApp;
  let user: User;
  let session: IssuedTokens;
  const login = (options: IssueTokenOptions = { accessExpiresIn: '1h', refreshExpiresIn: '24h' }) =>
    t.tokens.generateHeaderToken(user, options);
  const edit = (body: object, id = session.token.id) => t.ask('PATCH', `/sessions/${id}`, body);
  const row = async (id = session.token.id) => (await t.rows()).find((one) => one.id === id);
  beforeAll(async () => {
    t = await startAdmin({ adapter, options: { keepExpiredTokens: true } });
  });
  beforeEach(async () => {
    user = await t.createUser({ email: 'ada@example.com' });
    session = await login();
  });
  afterAll(() => t.close());

  it('R48: a session that is revoked is over with the next request, once', async () => {
    const events: AuthentifyEvent[] = [];
    const subscription = t.app.get(AuthentifyEvents).subscribe((event) => void events.push(event));
    const revoke = () => t.ask('POST', `/sessions/${session.token.id}/revoke`);
    expect((await revoke()).json).toEqual({ ended: 1 });
    expect(await t.tokens.verifyToken(session.accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(session.refreshToken!)).toBeNull();
    expect((await revoke()).json).toEqual({ ended: 0 });
    subscription.unsubscribe();
    const told = events.filter(({ type }) => type === 'revoked');
    expect(told).toMatchObject([{ reason: 'revoked', sessionId: session.token.id, userId: user.id }]);
  });

  it("all sessions of one user end, and nobody else's", async () => {
    const [other, another] = [await login(), await t.tokens.generateCookieToken(await t.createUser())];
    const answer = await t.ask('POST', '/sessions/revoke-all', { userId: user.id });
    expect(answer.json).toEqual({ ended: 2 });
    for (const { accessToken } of [session, other]) expect(await t.tokens.verifyToken(accessToken)).toBeNull();
    expect(await t.tokens.verifyToken(another.accessToken)).not.toBeNull();
    expect((await t.ask('POST', '/sessions/revoke-all', { userId: String(user.id) })).json).toEqual({ ended: 0 });
  });

  it('a session that is deleted ends, and its row stays where ended ones are kept', async () => {
    const remove = () => t.ask('DELETE', `/sessions/${session.token.id}`);
    const events: AuthentifyEvent[] = [];
    const subscription = t.app.get(AuthentifyEvents).subscribe((event) => void events.push(event));
    expect((await remove()).json).toEqual({ deleted: 0, ended: 1 });
    const kept = await row();
    expect(kept).toMatchObject({ revoked_reason: 'revoked', prune_at: null });
    expect(Number(kept?.revoked_at)).toBeGreaterThan(Date.now() - HOUR);
    expect(await t.tokens.verifyToken(session.accessToken)).toBeNull();
    expect((await remove()).json).toEqual({ deleted: 0, ended: 0 });
    subscription.unsubscribe();
    expect(events.filter(({ type }) => type === 'revoked' || type === 'deleted')).toMatchObject([{ type: 'revoked' }]);
    expect(await row()).toEqual(kept);
  });

  it('a session cut short ends for good', async () => {
    const refreshUntil = inHours(2);
    const answer = await edit({ refreshUntil });
    expect(answer.json.session).toMatchObject({ refreshUntil, sessionExpiresAt: refreshUntil, userLabel: user.email });
    expect(Number((await row())?.prune_at)).toBe(Math.ceil(Date.parse(refreshUntil) / HOUR) * HOUR);
    expect((await edit({ refreshUntil: inHours(3) })).status).toBe(400);
  });

  it('an extended session lives on, and its next pair is no longer-lived than before', async () => {
    const [expiresAt, refreshUntil] = [inHours(100), inHours(123)];
    const answer = await edit({ expiresAt, refreshUntil });
    expect(answer.json.session).toMatchObject({ expiresAt, refreshUntil, sessionExpiresAt: null });
    expect(Number((await row())?.prune_at)).toBe(Math.ceil(Date.parse(refreshUntil) / HOUR) * HOUR);
    const next = await t.tokens.refreshToken(session.refreshToken!);
    expect(next?.token.expiresAt?.toISOString()).toBe(expiresAt);
    expect(next?.token.refreshUntil?.toISOString()).toBe(refreshUntil);
  });

  it('a session may be let live for ever where it has no refresh token', async () => {
    const plain = await login({ accessExpiresIn: '1h', refreshExpiresIn: null });
    expect((await edit({ expiresAt: null }, plain.token.id)).json.session).toMatchObject({ expiresAt: null });
    expect((await row(plain.token.id))?.prune_at).toBeNull();
  });

  it('dates are one conditional UPDATE', async () => {
    const statements = await t.statements.during(() => edit({ expiresAt: inHours(2) }));
    const updates = statements.filter((sql) => sql.startsWith('UPDATE'));
    expect(updates).toHaveLength(1);
    expect(updates[0]).toMatch(/revoked_at.{1,3}IS NULL/);
    expect(statements.filter((sql) => /TRANSACTION|FOR UPDATE/.test(sql))).toEqual([]);
  });

  it.each([
    ['another user', { userId: 1 }],
    ['another user, by relation', { user: 1, expiresAt: '2099-01-01T00:00:00Z' }],
    ['an absolute end', { sessionExpiresAt: '2099-01-01T00:00:00Z' }],
    ['a revival', { revokedAt: null }],
    ['another type', { authType: 'cookie' }],
    ['another context', { context: {} }],
    ['a digest', { accessTokenHash: 'a'.repeat(64) }],
  ])('R65: a session cannot be given %s', async (_, body) => {
    const before = await row();
    const answer = await edit(body);
    expect([answer.status, answer.json.message]).toEqual([400, expect.stringMatching(/has an unknown member/)]);
    expect(await row()).toEqual(before);
  });

  it.each([
    ['nothing', {}, /must contain expiresAt, refreshUntil or both/],
    ['a date that is none', { expiresAt: 'tomorrow' }, /member expiresAt.*must be a date/],
    ['a number', { expiresAt: 4_102_444_800_000 }, /member expiresAt.*must be a date/],
    ['the past', { expiresAt: '2020-01-01T00:00:00Z' }, /must lie ahead; revoke the session/],
    ['no refresh end', { refreshUntil: null }, /member refreshUntil.*must be a date/],
    ['refresh before expiry', { expiresAt: '2099-01-02', refreshUntil: '2099-01-01' }, /not be earlier than expiresAt/],
  ])('dates are refused before they are written: %s', async (_, body, message) => {
    const before = await row();
    const answer = await edit(body);
    expect([answer.status, answer.json.message]).toEqual([400, expect.stringMatching(message)]);
    expect(await row()).toEqual(before);
  });

  it('R3: an ended session stays as it ended', async () => {
    await t.tokens.revokeToken(session.token);
    const before = await row();
    const answer = await edit({ expiresAt: inHours(2) });
    expect([answer.status, answer.json.message]).toEqual([409, expect.stringMatching(/has ended/)]);
    expect(await row()).toEqual(before);
  });

  it.each(['revoke', 'refresh'] as const)('dates lose against a %s in between, and say so', async (rival) => {
    // The session is changed between the look at it and the UPDATE.
    const table = t.app.get(SessionTable);
    const update = table.update.bind(table);
    table.update = async (...args: Parameters<typeof update>) => {
      table.update = update;
      if (rival === 'revoke') await t.tokens.revokeToken(session.token);
      else await t.tokens.refreshToken(session.refreshToken!, { accessExpiresIn: '2h' });
      return update(...args);
    };
    const answer = await edit({ expiresAt: inHours(3) });
    table.update = update;
    expect([answer.status, answer.json.message]).toEqual([409, expect.stringMatching(/changed in the meantime/)]);
    const { revoked_at: revokedAt, expires_at: expiresAt } = (await row())!;
    if (rival === 'revoke') expect(revokedAt).not.toBeNull();
    else expect(Number(expiresAt)).toBeLessThan(Date.now() + 2.5 * HOUR);
  });

  it.each([
    ['POST', '/revoke', {}],
    ['PATCH', '', { expiresAt: inHours(2) }],
    ['DELETE', '', {}],
  ])('an id is checked: %s sessions/:id%s', async (method, suffix, body) => {
    const act = (id: string) => t.ask(method, `/sessions/${id}${suffix}`, body);
    for (const id of ['1', 'undefined', '%00', `${UNKNOWN}'`, 'x'.repeat(90)]) expect((await act(id)).status).toBe(400);
    const answer = await act(UNKNOWN);
    expect([answer.status, answer.json.message]).toEqual([404, 'Session not found']);
  });

  it.each([
    ['POST', '/revoke'],
    ['DELETE', ''],
  ])('a body that says more is refused: %s sessions/:id%s', async (method, suffix) => {
    const answer = await t.ask(method, `/sessions/${session.token.id}${suffix}`, { all: true });
    expect(answer.status).toBe(400);
    expect(await t.tokens.verifyToken(session.accessToken)).not.toBeNull();
  });

  it("R21: nobody's sessions are ended for want of a user", async () => {
    for (const body of [{}, { userId: null }, { userId: '' }, { userId: [] }, { userId: {} }, { userId: 'x' }]) {
      expect((await t.ask('POST', '/sessions/revoke-all', body)).status).toBe(400);
    }
    expect(await t.tokens.verifyToken(session.accessToken)).not.toBeNull();
  });
});

describe.each(ADAPTERS)('the record of ended sessions on %s', (adapter) => {
  const within = async (keepExpiredTokens: Duration | boolean, work: (t: AdminApp) => Promise<void>): Promise<void> => {
    const t = await startAdmin({ adapter, options: { keepExpiredTokens } });
    try {
      await work(t);
    } finally {
      travelBack();
      await t.close();
    }
  };
  const isThere = async (t: AdminApp, id: string): Promise<boolean> => (await t.rows()).some((row) => row.id === id);

  it('is lost to no administrator before its time, whatever ended the session', () =>
    within('30d', async (t) => {
      const user = await t.createUser();
      const sessions = await Promise.all([1, 2, 3].map(() => t.tokens.generateHeaderToken(user)));
      await t.tokens.revokeToken(sessions[0]!.token);
      await t.ask('POST', `/sessions/${sessions[1]!.token.id}/revoke`);
      const remove = () => Promise.all(sessions.map(({ token }) => t.ask('DELETE', `/sessions/${token.id}`)));
      expect((await remove()).map(({ json }) => json)).toEqual([
        { deleted: 0, ended: 0 },
        { deleted: 0, ended: 0 },
        { deleted: 0, ended: 1 },
      ]);
      for (const { token } of sessions) expect(await isThere(t, token.id)).toBe(true);
      travel('31d');
      const admin = await t.tokens.generateCookieToken(t.admin);
      for (const { token } of sessions) {
        const answer = await t.ask('DELETE', `/sessions/${token.id}`, {}, cookie(admin.accessToken, COOKIE));
        expect(answer.json).toEqual({ deleted: 1 });
        expect(await isThere(t, token.id)).toBe(false);
      }
    }));

  it('ends where none are kept: a deleted row is gone, in one statement', () =>
    within(false, async (t) => {
      const { token } = await t.tokens.generateHeaderToken(await t.createUser());
      const statements = await t.statements.during(async () => {
        expect((await t.ask('DELETE', `/sessions/${token.id}`)).json).toEqual({ deleted: 1 });
      });
      expect(statements.filter((sql) => !sql.startsWith('SELECT'))).toEqual([expect.stringMatching(/^DELETE/)]);
      expect(await isThere(t, token.id)).toBe(false);
      expect((await t.ask('DELETE', `/sessions/${token.id}`)).status).toBe(404);
    }));
});
