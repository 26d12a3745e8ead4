import { Controller, Get, type Type, UseGuards } from '@nestjs/common';
import {
  type AbstractAuthToken,
  AuthentifyEvents,
  HeaderAuthGuard,
  type IssuedTokens,
  RequireContext,
  SessionWatcher,
} from 'nestjs-authentify';
import { filter, firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AdminApp, startAdmin } from '../admin/admin-app.js';
import { bearer, send } from '../requests/client.js';
import { startApp, type TestApp } from '../support/app.js';
import { createDatabaseIn, DATABASE, type TestDatabase } from '../support/database.js';
import type { User } from '../support/users.js';

const CHARSETS: Record<string, string[]> = {
  postgres: ['LATIN1', 'SQL_ASCII', 'EUC_JP'],
  mariadb: ['latin1', 'utf8mb3', 'ascii'],
  sqljs: ['UTF-8'],
};
const CONTEXT = { device: '🙂 Zoë’s 日本', 'kéy 🙂': ['\u2028', '\\u0041', { deep: '\u0001"\\' }] };

describe.each(CHARSETS[DATABASE] ?? [])('R65: a context in a database in %s', (charset) => {
  let database: TestDatabase;
  let t: TestApp;
  let user: User;

  beforeAll(async () => {
    database = await createDatabaseIn(charset);
    t = await startApp({ dataSource: database.options, options: { contextMaxBytes: 65_535 } });
    user = await t.createUser();
  });
  afterAll(async () => {
    await t.close();
    await database.drop();
  });

  it('may hold any letters, and reads back equal', async () => {
    const issued = await t.tokens.generateHeaderToken(user, { context: CONTEXT });
    const { accessToken, token } = (await t.tokens.refreshToken(issued.refreshToken!))!;

    const json = JSON.stringify(CONTEXT);
    expect(JSON.stringify(issued.token.context)).toBe(json);
    expect(JSON.stringify((await t.tokens.verifyToken(accessToken))?.context)).toBe(json);
    const listed = (await t.tokens.listUserTokens(user)).find(({ id }) => id === token.id);
    expect(JSON.stringify(listed?.context)).toBe(json);
    expect((await t.rows()).find(({ id }) => id === token.id)?.context).toMatch(/^[\x20-\x7e]+$/);
  });

  it.each([
    ['in ASCII', 'x', 1],
    ['in other letters', '日', 6],
  ])('may be as long as contextMaxBytes says, %s', async (_, letter, bytes) => {
    const room = 65_535 - '{"k":""}'.length;
    const context = { k: letter.repeat(Math.floor(room / bytes)) + 'x'.repeat(room % bytes) };
    const { accessToken } = await t.tokens.generateHeaderToken(user, { context });
    expect((await t.tokens.verifyToken(accessToken))?.context.k).toBe(context.k);
    await expect(t.tokens.generateHeaderToken(user, { context: { k: `${context.k}x` } })).rejects.toThrow(
      /context takes 65536 bytes/,
    );
  });
});

@Controller()
class RoutesController {
  // What is not said is allowed: an empty context would pass.
  @Get('unless-restricted')
  @UseGuards(HeaderAuthGuard)
  @RequireContext((context) => context.restricted !== true)
  unlessRestricted() {
    return {};
  }
}

describe.each([
  ['cut off', '{"restricted":tr'],
  ['empty', ''],
  ['an array', '[true]'],
  ['null in JSON', 'null'],
])('R65: a row whose context is %s', (_, text) => {
  let t: AdminApp;
  let user: User;
  let bad: IssuedTokens;
  let good: IssuedTokens;

  beforeAll(async () => {
    t = await startAdmin({ controllers: [RoutesController], options: { keepExpiredTokens: true } });
    t.app.useLogger(false);
  });
  afterAll(() => t.close());
  beforeEach(async () => {
    user = await t.createUser();
    bad = await t.tokens.generateHeaderToken(user, { context: { restricted: true } });
    good = await t.tokens.generateHeaderToken(user, { context: { device: 'phone' } });
    await spoil(bad.token.id);
  });

  /** Writes what it says, past all that reads and writes contexts. */
  const spoil = (id: string) =>
    t.dataSource
      .createQueryBuilder()
      .update(t.tokenEntity as Type<unknown> as Type<{ id: string; context: string }>)
      .set({ context: () => ':text' })
      .where({ id })
      .setParameters({ text })
      .execute();

  it('lets nobody in, says why to those who may know, and is no outage', async () => {
    const events = t.app.get(AuthentifyEvents);
    const rejected = firstValueFrom(events.pipe(filter(({ type }) => type === 'rejected')));
    expect(await t.tokens.verifyToken(bad.accessToken)).toBeNull();
    expect(await rejected).toMatchObject({ reason: 'context-unreadable', sessionId: bad.token.id });
    expect(await t.tokens.refreshToken(bad.refreshToken!)).toBeNull();
    expect((await send(`${t.url}/unless-restricted`, { headers: bearer(bad.accessToken) })).status).toBe(401);
    expect((await send(`${t.url}/unless-restricted`, { headers: bearer(good.accessToken) })).status).toBe(200);
  });

  it('is told to the log once, without what it holds', async () => {
    const error = vi.fn<(...told: unknown[]) => void>();
    t.app.useLogger({ log() {}, warn() {}, error });
    await t.tokens.verifyToken(bad.accessToken);
    await t.tokens.verifyToken(bad.accessToken);
    await t.tokens.listUserTokens(user);
    t.app.useLogger(false);
    expect(error.mock.calls.map(([message]) => message)).toEqual([
      expect.stringMatching(new RegExp(`${bad.token.id} is refused: .*End the session`)),
    ]);
    if (text.length > 4) expect(JSON.stringify(error.mock.calls)).not.toContain(text);
  });

  it('is listed with the others, by user and admin, and can be ended', async () => {
    const contexts = (await t.tokens.listUserTokens(user)).map(({ id, context }) => [id, { ...context }]);
    expect(Object.fromEntries(contexts)).toEqual({ [good.token.id]: { device: 'phone' }, [bad.token.id]: {} });
    const page = await t.ask('GET', `/sessions?user=${user.id}`);
    expect(page.status).toBe(200);
    const shown = (page.json as { sessions: { id: string }[] }).sessions.map(({ id }) => id);
    expect(shown.toSorted()).toEqual([bad.token.id, good.token.id].toSorted());
    expect(await t.tokens.revokeUserToken(user, bad.token.id)).toBe(1);
    expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toEqual([good.token.id]);
  });

  it('closes what is open for its session, and nothing else', async () => {
    const watcher = t.app.get(SessionWatcher);
    const told: string[] = [];
    const others = watcher.ended(good.token).subscribe((reason) => told.push(reason));
    expect(await firstValueFrom(watcher.ended(bad.token))).toBe('context-unreadable');
    await watcher.check(good.token);
    others.unsubscribe();
    expect(told).toEqual([]);
  });

  it('goes with all of its user, and when it is due', async () => {
    expect(await t.tokens.revokeAllUserTokens(user)).toBe(2);
    const due = await t.tokens.generateHeaderToken(user, { accessExpiresIn: 1, refreshExpiresIn: null });
    await spoil(due.token.id);
    const past = { pruneAt: new Date(0), expiresAt: new Date(0) };
    await t.dataSource.getRepository<AbstractAuthToken>(t.tokenEntity).update({ id: due.token.id }, past);
    expect(await t.tokens.revokeAllExpiredUserTokens(user)).toBe(1);
  });
});
