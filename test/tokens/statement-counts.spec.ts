import { AutoRefreshInterceptor, CurrentUser, HeaderAuthGuard } from 'nestjs-authentify';
import { Controller, Get, UseGuards, UseInterceptors } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;

@Controller()
class MeController {
  @Get('me')
  @UseGuards(HeaderAuthGuard)
  me(@CurrentUser('id') id: number): { id: number } {
    return { id };
  }

  @Get('sliding')
  @UseGuards(HeaderAuthGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  sliding(@CurrentUser('id') id: number): { id: number } {
    return { id };
  }
}

/** The verb of each statement; transaction statements would show up here too. */
const verbs = (statements: string[]): string[] => statements.map((sql) => sql.slice(0, 6).toUpperCase());

describe('statements per operation, by TypeORM’s own log', () => {
  let t: TestApp;
  let limited: TestApp;
  beforeAll(async () => {
    const options = { tokenTtl: '1h', refreshTokenTtl: '7d', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' };
    t = await startApp({ options, controllers: [MeController] });
    limited = await startApp({ options: { enforceSingleLogin: true } });
  });
  afterAll(async () => {
    await t.close();
    await limited.close();
  });
  const get = (path: string, token: string) =>
    fetch(`${t.url}/${path}`, { headers: { authorization: `Bearer ${token}` } });

  it('R22: verification is one SELECT', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    expect(verbs(await t.statements.during(() => t.tokens.verifyToken(accessToken)))).toEqual(['SELECT']);
    expect(verbs(await t.statements.during(() => get('me', accessToken)))).toEqual(['SELECT']);
  });

  it('R16: a malformed credential is no statement', async () => {
    expect(await t.statements.during(() => get('me', 'af_at_nonsense'))).toEqual([]);
  });

  it('login is one INSERT, and at most four statements with a limit', async () => {
    const user = await t.createUser();
    expect(verbs(await t.statements.during(() => t.tokens.generateHeaderToken(user)))).toEqual(['INSERT']);

    const other = await limited.createUser();
    await limited.tokens.generateHeaderToken(other);
    const statements = await limited.statements.during(() => limited.tokens.generateHeaderToken(other));
    expect(verbs(statements)).toEqual(['SELECT', 'INSERT', 'SELECT', 'DELETE']);
  });

  it('refresh is a SELECT and an UPDATE; a retry one SELECT', async () => {
    const { refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
    const refresh = () => t.tokens.refreshToken(refreshToken!);
    expect(verbs(await t.statements.during(refresh))).toEqual(['SELECT', 'UPDATE']);
    expect(verbs(await t.statements.during(refresh))).toEqual(['SELECT']);
  });

  it('of two refreshes that race the winner sends two statements and the loser three', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
      const statements = await t.statements.during(() =>
        Promise.all([t.tokens.refreshToken(refreshToken!), t.tokens.refreshToken(refreshToken!)]),
      );
      const raced = verbs(statements).filter((verb) => verb === 'UPDATE').length === 2;
      expect(statements.length).toBeLessThanOrEqual(raced ? 5 : 3);
      if (raced) return;
    }
    expect.unreachable('no round raced');
  });

  it('many refreshes at once share their look-ups, and each has an UPDATE of its own', async () => {
    const user = await t.createUser();
    const logins = await Promise.all(Array.from({ length: 20 }, () => t.tokens.generateHeaderToken(user)));
    const statements = await t.statements.during(() =>
      Promise.all(logins.map(({ refreshToken }) => t.tokens.refreshToken(refreshToken!))),
    );
    const sent = verbs(statements);
    expect(sent.filter((verb) => verb === 'UPDATE')).toHaveLength(20);
    expect(sent.filter((verb) => verb === 'SELECT').length).toBeLessThanOrEqual(4);
  });

  it('a slide is one UPDATE beside the look-up, and none until the next is due', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    vi.setSystemTime(NOW + 5 * MINUTE);
    expect(verbs(await t.statements.during(() => get('sliding', accessToken)))).toEqual(['SELECT', 'UPDATE']);
    expect(verbs(await t.statements.during(() => get('sliding', accessToken)))).toEqual(['SELECT']);
  });

  it('ending sessions is one statement each', async () => {
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    expect(verbs(await t.statements.during(() => t.tokens.revokeToken(token)))).toEqual(['DELETE']);
    expect(verbs(await t.statements.during(() => t.tokens.revokeUserToken(user, token.id)))).toEqual(['DELETE']);
    expect(verbs(await t.statements.during(() => t.tokens.revokeAllUserTokens(user)))).toEqual(['DELETE']);
    expect(verbs(await t.statements.during(() => t.tokens.listUserTokens(user)))).toEqual(['SELECT']);
  });
});
