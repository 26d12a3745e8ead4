import { type IssuedTokens, TokenRepository } from 'nestjs-authentify';
import { afterEach, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

const NOW = Date.UTC(2026, 0, 15);
const HOUR = 3_600_000;

let t: TestApp;
afterEach(async () => {
  vi.useRealTimers();
  await t.close();
});

it('a session is in one state at a time, and TokenRepository finds it by what its tokens still do', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  t = await startApp({ options: { keepExpiredTokens: true } });
  const user = await t.createUser();
  const login = (accessExpiresIn: string | null, refreshExpiresIn: string | null): Promise<IssuedTokens> =>
    t.tokens.generateHeaderToken(user, { accessExpiresIn, refreshExpiresIn });
  const sessions = {
    active: [await login('3h', '9h'), await login('3h', null), await login(null, null)],
    // A deadline that is now has passed.
    idle: [await login('1h', '9h'), await login('2h', '9h')],
    expired: [
      await login('3h', '9h'),
      await login('3h', '9h'),
      await login('1h', '9h'),
      await login('1h', null),
      await login('30m', '1h'),
      await login('2h', null),
      await login('1h', '2h'),
    ],
    ended: [await login('3h', '9h'), await login('1h', null)],
  };
  for (const { token } of sessions.ended) await t.tokens.revokeToken(token);
  // Over before its tokens are, as when an administrator shortens it.
  for (const [index, hours] of [1, 2, 2].entries()) {
    await t.dataSource
      .getRepository(t.tokenEntity)
      .update(sessions.expired[index]!.token.id, { sessionExpiresAt: new Date(NOW + hours * HOUR) });
  }
  vi.setSystemTime(NOW + 2 * HOUR);

  const queries = t.app.get(TokenRepository);
  const found = async (state: 'active' | 'idle' | 'expired' | 'ended' | 'refreshable'): Promise<string[]> =>
    (await queries[state]().getMany()).map(({ id }) => id).toSorted();
  const idsOf = (issued: readonly IssuedTokens[]): string[] => issued.map(({ token }) => token.id).toSorted();
  for (const state of ['active', 'idle', 'expired', 'ended'] as const) {
    expect([state, await found(state)]).toEqual([state, idsOf(sessions[state])]);
  }
  expect(await queries.forUser(user).getCount()).toBe(Object.values(sessions).flat().length);
  expect(await queries.forUser({ ...user, id: user.id + 1 }).getCount()).toBe(0);

  const refreshable = await found('refreshable');
  for (const [state, some] of Object.entries(sessions)) {
    for (const { accessToken, refreshToken, token } of some) {
      expect((await t.tokens.verifyToken(accessToken)) !== null).toBe(state === 'active');
      const next = refreshToken && (await t.tokens.refreshToken(refreshToken));
      expect(next !== null).toBe(refreshable.includes(token.id));
    }
  }
});
