import { Logger } from '@nestjs/common';
import { AuthentifyEvents, type AuthentifyEvent, TokenService } from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS } from '../support/app.js';
import type { User } from '../support/users.js';
import { type AdminApp, startAdmin } from './admin-app.js';

const HOUR = 3_600_000;

describe.each(ADAPTERS)('issuing a token as an administrator on %s', (adapter) => {
  let t: AdminApp;
  let user: User;
  const issue = (body: object) => t.ask('POST', '/sessions', { userId: user.id, type: 'header', ...body });
  beforeAll(async () => {
    t = await startAdmin({ adapter });
    user = await t.createUser({ email: 'ada@example.com' });
  });
  afterAll(() => t.close());

  it('R59, R63: shows the pair in the answer to that request, and nowhere else', async () => {
    const logged: string[] = [];
    const events: AuthentifyEvent[] = [];
    const subscription = t.app.get(AuthentifyEvents).subscribe((event) => void events.push(event));
    const log = (...parts: unknown[]) => void logged.push(parts.map(String).join(' '));
    Logger.overrideLogger({ log, error: log, warn: log, debug: log, verbose: log });
    const before = t.statements.statements.length;
    const answer = await issue({ context: { device: 'support' } }).finally(() => Logger.overrideLogger(false));
    subscription.unsubscribe();

    expect(answer.status).toBe(201);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.cookies).toEqual([]);
    expect(answer.headers.location).toBeUndefined();
    const { accessToken, refreshToken, session } = answer.json as Record<string, string> & { session: object };
    expect(accessToken).toMatch(/^af_at_/);
    expect(refreshToken).toMatch(/^af_rt_/);
    expect(session).toMatchObject({ userId: user.id, userLabel: 'ada@example.com', type: 'header', state: 'active' });

    const listed = await t.ask('GET', `/sessions?user=${user.id}`);
    const elsewhere = JSON.stringify([
      answer.headers,
      session,
      listed.text,
      await t.rows(),
      t.statements.statements.slice(before).map(({ sql, parameters }) => [sql, parameters]),
      events,
      logged,
    ]);
    for (const token of [accessToken!, refreshToken!]) expect(elsewhere).not.toContain(token);
    expect(events.map(({ type }) => type)).toContain('issued');
  });

  it('gives a token that works, with the type, context and lifetimes asked for', async () => {
    const { json } = await issue({
      type: 'cookie',
      context: { device: 'kiosk' },
      accessExpiresIn: '2h',
      refreshExpiresIn: 4 * 3_600,
    });
    const tokens = t.app.get<TokenService>(TokenService);
    expect(await tokens.verifyToken(json.accessToken as string, 'header')).toBeNull();
    const token = await tokens.verifyToken(json.accessToken as string, 'cookie');
    expect(token).toMatchObject({ userId: user.id, context: { device: 'kiosk' } });
    expect(token!.expiresAt!.getTime() - token!.createdAt.getTime()).toBe(2 * HOUR);
    expect(token!.refreshUntil!.getTime() - token!.createdAt.getTime()).toBe(4 * HOUR);
    expect((await issue({ userId: String(user.id), refreshExpiresIn: null })).json.refreshToken).toBeNull();
  });

  it.each([
    ['a user named as owner', { user: 1 }],
    ['an id', { id: '01890a5d-ac96-774b-bcce-b302099a8057' }],
    ['dates', { expiresAt: '2099-01-01T00:00:00Z' }],
    ['digests', { accessTokenHash: 'a'.repeat(64) }],
    ['an ending', { revokedAt: null }],
    ["a token of one's own", { accessToken: 'af_at_mine' }],
  ])('R65: is refused with %s: no column is set from outside', async (_, extra) => {
    const before = await t.rows();
    const answer = await issue(extra);
    expect(answer.status).toBe(400);
    expect(answer.json.message).toMatch(/has an unknown member/);
    expect(await t.rows()).toEqual(before);
  });

  it('R65: is refused with __proto__ in its body', async () => {
    const before = await t.rows();
    const body = JSON.parse(`{ "__proto__": { "userId": ${user.id}, "type": "header" } }`) as object;
    expect((await t.ask('POST', '/sessions', body)).status).toBe(400);
    expect(await t.rows()).toEqual(before);
  });

  it.each([
    ['no user', { userId: undefined }, /member userId.*primary key/],
    ['an empty user', { userId: '' }, /member userId.*primary key/],
    ['a user that is an object', { userId: { id: 1 } }, /member userId.*primary key/],
    ['a user that cannot be', { userId: 'ada' }, /whole number/],
    ['a user whose key JSON has rounded', { userId: JSON.parse('9007199254740993') }, /member userId.*as a string/],
    ['no type', { type: undefined }, /member type.*'header', 'cookie'/],
    ['another type', { type: 'query' }, /member type.*'header', 'cookie'/],
    ['no lifetime', { accessExpiresIn: 0 }, /accessExpiresIn must be a positive duration/],
    ['a lifetime without unit', { accessExpiresIn: '900' }, /accessExpiresIn must be a positive duration/],
    ['a lifetime of another type', { accessExpiresIn: [900] }, /accessExpiresIn must be a duration/],
    ['refresh before access', { accessExpiresIn: '9d' }, /refreshExpiresIn must exceed accessExpiresIn/],
    ['a context that is no object', { context: 'laptop' }, /context must be a plain object/],
    ['too much context', { context: { text: 'x'.repeat(5_000) } }, /contextMaxBytes/],
  ])('is refused before SQL with %s', async (_, fields, message) => {
    const statements = await t.statements.during(async () => {
      const answer = await issue(fields);
      expect([answer.status, answer.json.message]).toEqual([400, expect.stringMatching(message)]);
    });
    // The guard's own look-up is all there is.
    expect(statements).toHaveLength(1);
  });

  it('says so when there is no such user', async () => {
    const answer = await issue({ userId: 4_711 });
    expect([answer.status, answer.json.message]).toEqual([404, 'User not found']);
  });

  it.each(['[]', 'null', '"text"', '5'])('is refused with a body that is no object: %s', async (body) => {
    const answer = await t.ask('POST', '/sessions', JSON.parse(body));
    expect(answer.status).toBe(400);
  });
});
