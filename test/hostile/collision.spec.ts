import { inspect } from 'node:util';
import { Controller, HttpException, Post } from '@nestjs/common';
import { AuthentifyUnavailableError, TokenService } from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { send } from '../requests/client.js';
import { startApp, type TestApp } from '../support/app.js';
import { drawFrom } from '../support/random-source.js';

@Controller()
class LoginController {
  constructor(private readonly tokens: TokenService) {}

  @Post('login')
  login() {
    return this.tokens.generateHeaderToken(1);
  }
}

/** What a piece of work fails with. */
const failureOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => expect.unreachable('it succeeded'),
    (error: Error) => error,
  );

describe('a random source that is broken', () => {
  let t: TestApp;
  beforeAll(async () => {
    t = await startApp({ controllers: [LoginController] });
    t.app.useLogger(false);
    await t.createUser();
  });
  afterEach(() => drawFrom());
  afterAll(() => t.close());

  const inserts = async (work: () => Promise<unknown>): Promise<number> =>
    (await t.statements.during(work)).filter((sql) => /^INSERT/i.test(sql)).length;

  it('R8: a digest that exists already is retried three times and then a server error', async () => {
    drawFrom((size) => Buffer.alloc(size, 1));
    const first = await t.tokens.generateHeaderToken(1);
    const before = await t.rows();

    let failure!: Error;
    const tries = await inserts(async () => {
      failure = await failureOf(t.tokens.generateHeaderToken(1));
    });
    expect(tries).toBe(4);
    expect(failure).toBeInstanceOf(Error);
    expect(failure).not.toBeInstanceOf(HttpException);
    const told = inspect(failure, { depth: 10, showHidden: true }) + failure.stack + JSON.stringify(failure);
    for (const row of before) {
      for (const digest of [row.access_token_hash, row.refresh_token_hash, row.refresh_family_hash]) {
        expect(told).not.toContain(digest);
      }
    }
    expect(told).not.toContain('INSERT');
    expect(await t.rows()).toEqual(before);
    expect((await t.tokens.verifyToken(first.accessToken))?.id).toBe(first.token.id);

    const answer = await send(`${t.url}/login`, { method: 'POST' });
    expect([answer.status, answer.json]).toEqual([500, { statusCode: 500, message: 'Internal server error' }]);
  });

  it.each([1, 2, 3])('R8: %i collisions in a row are overcome', async (collisions) => {
    drawFrom((size) => Buffer.alloc(size, 100 + collisions));
    await t.tokens.generateHeaderToken(1);

    // A pair takes three draws: access, family, refresh.
    let draws = 0;
    drawFrom((size) => {
      draws += 1;
      return Buffer.alloc(size, draws <= 3 * collisions ? 100 + collisions : 200 + collisions);
    });
    let issued!: Awaited<ReturnType<TestApp['tokens']['generateHeaderToken']>>;
    const tries = await inserts(async () => {
      issued = await t.tokens.generateHeaderToken(1);
    });
    expect(tries).toBe(collisions + 1);
    expect((await t.tokens.verifyToken(issued.accessToken))?.id).toBe(issued.token.id);
  });

  it('R8: the family alone is unique too', async () => {
    let fill = 0;
    drawFrom((size) => Buffer.alloc(size, size === 16 ? 50 : (fill += 1) + 10));
    await t.tokens.generateHeaderToken(1);
    expect(await inserts(() => failureOf(t.tokens.generateHeaderToken(1)))).toBe(4);
  });

  it('R1: one that throws opens no session and asks the database nothing', async () => {
    const before = await t.rows();
    drawFrom(() => {
      throw new Error('no entropy');
    });
    const statements = await t.statements.during(async () => {
      expect((await failureOf(t.tokens.generateHeaderToken(1))).message).toBe('no entropy');
      expect((await failureOf(t.tokens.generateCookieToken(1))).message).toBe('no entropy');
    });
    expect(statements).toEqual([]);
    expect((await send(`${t.url}/login`, { method: 'POST' })).status).toBe(500);
    expect(await t.rows()).toEqual(before);
  });

  it('R1, R35: one that throws rotates nothing; the refresh token is still good afterwards', async () => {
    const issued = await t.tokens.generateHeaderToken(1);
    drawFrom(() => {
      throw new Error('no entropy');
    });
    const failure = await failureOf(t.tokens.refreshToken(issued.refreshToken!));
    expect(failure.message).toBe('no entropy');
    expect(failure).not.toBeInstanceOf(AuthentifyUnavailableError);

    drawFrom();
    expect((await t.tokens.verifyToken(issued.accessToken))?.id).toBe(issued.token.id);
    expect((await t.tokens.refreshToken(issued.refreshToken!))?.token.id).toBe(issued.token.id);
  });

  it('R1, R29: one that repeats itself still gives every rotation another pair', async () => {
    const issued = await t.tokens.generateHeaderToken(1);
    drawFrom((size) => Buffer.alloc(size, 9));
    const seen = new Set([issued.accessToken, issued.refreshToken]);
    let current = issued;
    for (let generation = 1; generation <= 5; generation += 1) {
      current = (await t.tokens.refreshToken(current.refreshToken!))!;
      seen.add(current.accessToken).add(current.refreshToken);
    }
    expect(seen.size).toBe(12);
  });
});
