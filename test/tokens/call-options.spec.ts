import { AuthentifyEvents, type IssuedTokens } from 'nestjs-authentify';
import { actingAs } from 'nestjs-authentify/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';

let t: TestApp;
let user: User;
let issued: IssuedTokens;

beforeAll(async () => {
  t = await startApp();
  user = await t.createUser();
  issued = await t.tokens.generateHeaderToken(user);
});
afterAll(() => t.close());

/** What was sent to the database, and the error. */
async function refusalOf(call: () => Promise<unknown>): Promise<{ error: unknown; sent: string[] }> {
  let error: unknown;
  const sent = await t.statements.during(async () => {
    error = await call().catch((reason: unknown) => reason);
  });
  return { error, sent };
}

describe('an option that a call does not have', () => {
  const calls: [string, (options: never) => Promise<unknown>, string[]][] = [
    [
      'generateHeaderToken',
      (options) => t.tokens.generateHeaderToken(user, options),
      ['context', 'accessExpiresIn', 'refreshExpiresIn'],
    ],
    [
      'generateCookieToken',
      (options) => t.tokens.generateCookieToken(user, options),
      ['context', 'accessExpiresIn', 'refreshExpiresIn'],
    ],
    [
      'refreshToken',
      (options) => t.tokens.refreshToken(issued.refreshToken!, options),
      ['authType', 'accessExpiresIn', 'refreshExpiresIn'],
    ],
    ['revokeAllUserTokens', (options) => t.tokens.revokeAllUserTokens(user, options), ['except']],
    [
      'actingAs',
      (options) => actingAs(t.app, user, options),
      ['context', 'accessExpiresIn', 'refreshExpiresIn', 'via', 'registration'],
    ],
  ];
  const misspelt = ['expiresIn', 'acessExpiresIn', 'AccessExpiresIn', 'expires_in', 'toString', '__proto__', ''];

  it.each(calls.flatMap(([name, call, known]) => misspelt.map((option) => ({ name, call, known, option }))))(
    'is a TypeError of $name that names "$option" and the known ones, before any SQL',
    async ({ call, known, option }) => {
      // `JSON.parse`, because `__proto__` in a literal is no property.
      const options = JSON.parse(`{ ${JSON.stringify(option)}: "1h" }`) as never;
      const { error, sent } = await refusalOf(() => call(options));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toContain(`"${option}"`);
      for (const name of known) expect((error as Error).message).toContain(name);
      expect(sent).toEqual([]);
    },
  );

  it.each(calls)('is a TypeError of %s where the options are no object', async (_, call) => {
    for (const options of [null, '1h', 900]) {
      const { error, sent } = await refusalOf(() => call(options as never));
      expect(error).toBeInstanceOf(TypeError);
      expect(sent).toEqual([]);
    }
  });

  it('was no option before either: what is left out stays as configured, undefined too', async () => {
    const tokens = await t.tokens.generateHeaderToken(user, { accessExpiresIn: undefined, context: undefined });
    expect(tokens.token.expiresAt!.getTime() - tokens.token.createdAt.getTime()).toBe(24 * 3_600_000);
  });
});

describe('the id of a session in another spelling', () => {
  const spellings: [string, (id: string) => string][] = [
    ['capitals, as iOS writes it', (id) => id.toUpperCase()],
    ['braces, as .NET writes it', (id) => `{${id}}`],
    ['no hyphens', (id) => id.replaceAll('-', '')],
  ];

  it.each(spellings)('ends the session by its public id: %s', async (_, spell) => {
    const { token, accessToken } = await t.tokens.generateHeaderToken(user);
    expect(await t.tokens.revokeUserToken(user, spell(token.id))).toBe(1);
    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
  });

  it.each(spellings)('ends the session of a token entity: %s', async (_, spell) => {
    const { token, accessToken } = await t.tokens.generateHeaderToken(user);
    expect(await t.tokens.revokeToken({ id: spell(token.id) })).toBe(1);
    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
  });

  it.each(spellings)('is the one that stays when all others are ended: %s', async (_, spell) => {
    const [kept, other] = [await t.tokens.generateHeaderToken(user), await t.tokens.generateHeaderToken(user)];
    await t.tokens.revokeAllUserTokens(user, { except: { id: spell(kept.token.id) } });
    expect(await t.tokens.verifyToken(kept.accessToken)).not.toBeNull();
    expect(await t.tokens.verifyToken(other.accessToken)).toBeNull();
  });

  it('is told in events as it is listed', async () => {
    const { token } = await t.tokens.generateHeaderToken(user);
    const told: unknown[] = [];
    t.app.get(AuthentifyEvents).subscribe((event) => event.type === 'revoked' && told.push(event.sessionId));
    await t.tokens.revokeUserToken(user, token.id.toUpperCase());
    expect(told).toEqual([token.id]);
  });

  it('R50: ends nothing of somebody else’s', async () => {
    const { token, accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    expect(await t.tokens.revokeUserToken(user, token.id.toUpperCase())).toBe(0);
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
  });
});
