import { Controller, Get, UseGuards, UseInterceptors } from '@nestjs/common';
import { AutoRefreshInterceptor, HeaderAuthGuard, type IssuedTokens } from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { SessionStore } from '../../lib/sessions/session-store.js';
import { TokenSecrets } from '../../lib/sessions/token-secrets.js';
import { bearer, meetingOf, send } from '../requests/client.js';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import type { User } from '../support/users.js';
import { at, eventsOf, hold, HOUR, MINUTE, NOW, orUnavailable, pairOf, tally, times } from './outcomes.js';
import { isolationOf, places, startAt } from './places.js';

const STORM = 50;
const LIFETIMES = { tokenTtl: '1h', refreshTokenTtl: '2h', autoRefreshInterval: '5m' } as const;

@Controller()
class MeController {
  @Get('me')
  @UseGuards(HeaderAuthGuard)
  me(): object {
    return {};
  }

  @Get('sliding')
  @UseGuards(HeaderAuthGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  sliding(): object {
    return {};
  }
}

describe.each(places)('storms on $name', (place) => {
  let t: TestApp;
  /** Nodes with other options on the same table. */
  let single: TestApp;
  let limited: TestApp;
  let keeping: TestApp;
  let user: User;
  let events: () => Record<string, number>;

  beforeAll(async () => {
    const controllers = [MeController];
    t = await startAt(place, { options: LIFETIMES, controllers });
    single = await startApp({ options: { enforceSingleLogin: true, keepExpiredTokens: true }, beside: t });
    limited = await startApp({ options: { maxSessionsPerUser: 3 }, beside: t });
    keeping = await startApp({ options: { ...LIFETIMES, keepExpiredTokens: true }, beside: t, controllers });
    events = eventsOf(t, keeping);
  });
  beforeEach(async () => {
    user = await t.createUser();
    events();
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    for (const app of [keeping, limited, single, t]) await app?.close();
  });

  const login = () => t.tokens.generateHeaderToken(user);
  const isLive = async ({ accessToken }: IssuedTokens) => (await t.tokens.verifyToken(accessToken)) !== null;
  const rowOf = async ({ token }: IssuedTokens) => (await t.rows()).find(({ id }) => id === token.id);
  const rows = () => t.dataSource.getRepository(t.tokenEntity);
  const get = async (app: TestApp, path: string, { accessToken }: IssuedTokens) =>
    (await send(`${app.url}/${path}`, { headers: bearer(accessToken) })).status;

  it.skipIf(DATABASE === 'sqljs')('every connection is isolated as this storm wants it', async () => {
    const seen = await times(place.pool * 2, () => isolationOf(t.dataSource));
    expect(tally(seen)).toEqual({ [(place.isolation ?? place.snapshotIsolation)!]: place.pool * 2 });
  });

  it(`R30, R36: of ${STORM} refreshes exactly one rotates, and all get its pair`, async () => {
    for (let round = 0; round < 5; round += 1) {
      const first = await login();
      events();
      const answers = await times(STORM, () => t.tokens.refreshToken(first.refreshToken!));
      expect(events()).toEqual({ refreshed: 1, replayed: STORM - 1 });
      expect(Object.values(tally(answers.map(pairOf)))).toEqual([STORM]);
      expect([await isLive(first), await isLive(answers[0]!)]).toEqual([false, true]);
    }
  });

  it(`R30: naively, reading, deciding and then writing, everybody wins whom the database lets write`, async () => {
    const { refreshToken, token } = await login();
    const secrets = t.app.get(TokenSecrets);
    const family = secrets.readRefresh(refreshToken!)!.familyDigests;
    const everybodyHasRead = meetingOf(STORM);
    const naive = async (): Promise<boolean> => {
      const stored = await t.app.get(SessionStore).findByFamily(family);
      const isCurrent = stored?.digests.refreshTokenHash === secrets.digest(refreshToken!);
      await everybodyHasRead();
      if (!isCurrent) return false;
      const { accessTokenHash, refreshTokenHash } = secrets.digestsOf(secrets.fresh(true));
      await rows().update({ id: token.id }, { accessTokenHash, refreshTokenHash } as never);
      return true;
    };
    // Without the library's repetition a serialization failure is the caller's: it loses by an error, a 500.
    const outcomes = await Promise.allSettled(Array.from({ length: STORM }, naive));
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value).length;
    const errors = outcomes.filter(({ status }) => status === 'rejected').length;
    expect(won + errors).toBe(STORM);
    expect(won).toBeGreaterThan(1);
    if (place.isolation === 'read committed' || place.snapshotIsolation === 'OFF' || DATABASE === 'sqljs') {
      expect(won).toBe(STORM);
    }
  });

  it(`R38: ${STORM} refreshes of ${STORM} sessions all succeed`, async () => {
    const sessions = await times(STORM, login);
    const answers = await Promise.all(sessions.map(({ refreshToken }) => t.tokens.refreshToken(refreshToken!)));
    expect(answers.filter(Boolean)).toHaveLength(STORM);
    expect(events()).toMatchObject({ refreshed: STORM });
  });

  it('R45, R46: of 20 logins exactly one session lives, the one that sorts last; its pair is good, the others are not', async () => {
    for (let round = 0; round < 5; round += 1) {
      const visitor = await t.createUser();
      const answers = await times(20, () => orUnavailable(single.tokens.generateHeaderToken(visitor)));
      expect(answers).not.toContain('503');
      const secrets = answers as IssuedTokens[];
      const last = secrets
        .map(({ token }) => token.id)
        .toSorted()
        .at(-1);
      expect((await t.tokens.listUserTokens(visitor)).map(({ id }) => id)).toEqual([last]);
      const live = await Promise.all(secrets.map(async (pair) => [pair.token.id, await isLive(pair)] as const));
      expect(live.filter(([, lives]) => lives)).toEqual([[last, true]]);
      const ended = await rows().findBy({ user: { id: visitor.id } });
      expect(tally(ended.map(({ revokedReason }) => revokedReason))).toEqual({ null: 1, 'single-login': 19 });
    }
  });

  it('R47: of 20 logins exactly the newest three live', async () => {
    for (let round = 0; round < 3; round += 1) {
      const visitor = await t.createUser();
      const answers = await times(20, () => orUnavailable(limited.tokens.generateHeaderToken(visitor)));
      expect(answers).not.toContain('503');
      const newest = (answers as IssuedTokens[])
        .map(({ token }) => token.id)
        .toSorted()
        .toReversed();
      expect((await t.tokens.listUserTokens(visitor)).map(({ id }) => id)).toEqual(newest.slice(0, 3));
    }
  });

  it.each([
    ['R45', 1],
    ['R47', 3],
  ])('%s: naively, counting and then inserting, all 20 live where %i may', async (_, limit) => {
    const everybodyHasCounted = meetingOf(20);
    await times(20, async () => {
      const living = await t.tokens.listUserTokens(user);
      await everybodyHasCounted();
      for (const token of living.slice(limit - 1)) await t.tokens.revokeToken(token);
      await login();
    });
    expect(await t.tokens.listUserTokens(user)).toHaveLength(20);
  });

  it('R41: of 100 requests one slides the session, by one UPDATE', async () => {
    at(NOW);
    for (let round = 1; round <= 3; round += 1) {
      const session = await login();
      events();
      at(NOW + round * 10 * MINUTE);
      const statuses: number[] = [];
      const statements = await t.statements.during(async () => {
        statuses.push(...(await times(100, () => get(t, 'sliding', session))));
      });
      expect(tally(statuses)).toEqual({ 200: 100 });
      expect(statements.filter((sql) => sql.startsWith('UPDATE'))).toHaveLength(1);
      expect(events()).toEqual({ authenticated: 100, slid: 1 });
    }
  });

  it.each([
    ['deleted', () => t],
    ['kept', () => keeping],
  ])('R43, R48: a revocation among 50 sliding requests stands, its row %s', async (kind, node) => {
    for (let round = 0; round < 3; round += 1) {
      at(NOW);
      const session = await login();
      at(NOW + 10 * MINUTE);
      const storm = times(STORM, () => get(node(), 'sliding', session));
      expect(await node().tokens.revokeToken(session.token)).toBe(1);
      expect(await get(node(), 'me', session)).toBe(401);
      expect(Object.keys(tally(await storm)).filter((status) => status !== '200' && status !== '401')).toEqual([]);
      expect(await isLive(session)).toBe(false);
      const row = await rowOf(session);
      if (kind === 'deleted') expect(row).toBeUndefined();
      else expect([Number(row?.revoked_at), row?.revoked_reason]).toEqual([NOW + 10 * MINUTE, 'revoked']);
    }
  });

  it('R18, R31: ending all sessions among refreshes stands, and takes nobody for a thief', async () => {
    for (let round = 0; round < 3; round += 1) {
      const sessions = await times(5, login);
      const storm = Promise.all(
        sessions.flatMap(({ refreshToken }) => [1, 2, 3, 4, 5].map(() => t.tokens.refreshToken(refreshToken!))),
      );
      expect(await t.tokens.revokeAllUserTokens(user)).toBe(5);
      const lives = await Promise.all((await storm).filter((pair) => pair !== null).map(isLive));
      expect(lives).not.toContain(true);
      expect(await t.tokens.listUserTokens(user)).toEqual([]);
    }
    expect(events()).not.toHaveProperty('reuse-detected');
  });

  it('R48: a logout with 100 requests in flight turns the next request away, and none fails', async () => {
    const session = await login();
    const requests = times(100, () => get(t, 'me', session));
    expect(await t.tokens.revokeToken(session.token)).toBe(1);
    const next = await times(20, () => get(t, 'me', session));
    expect(tally(next)).toEqual({ 401: 20 });
    const counts = tally(await requests);
    expect((counts[200] ?? 0) + (counts[401] ?? 0)).toBe(100);
  });

  it('R48, R43: of 100 requests verified before a logout all finish, unless they must still extend the session', async () => {
    for (const [path, expected] of [
      ['me', 200],
      ['sliding', 401],
    ] as const) {
      at(NOW);
      const session = await login();
      at(NOW + 10 * MINUTE);
      const verified = hold(t.app.get(SessionStore), 'findByAccess', 'after', 100);
      const requests = times(100, () => get(t, path, session));
      await verified.arrived;
      await t.tokens.revokeToken(session.token);
      verified.release();
      expect(tally(await requests)).toEqual({ [expected]: 100 });
      expect(await get(t, 'me', session)).toBe(401);
    }
  });

  it('R52: prune jobs beside a storm end each expired session once, and stop nobody', async () => {
    await rows().createQueryBuilder().delete().execute();
    at(NOW);
    const expiring = await times(40, login);
    at(NOW + HOUR);
    const living = await times(20, login);
    at(NOW + 2 * HOUR);
    const visitor = await t.createUser();

    const [pruned, refreshed, requests, logins] = await Promise.all([
      times(3, () => t.tokens.revokeExpiredTokens()),
      Promise.all(living.slice(0, 10).map(({ refreshToken }) => t.tokens.refreshToken(refreshToken!))),
      Promise.all(living.slice(10).map((session) => get(t, 'me', session))),
      times(10, () => single.tokens.generateHeaderToken(visitor)),
    ]);
    expect(pruned.reduce((sum, count) => sum + count, 0)).toBe(expiring.length);
    expect(refreshed).not.toContain(null);
    // Their access tokens have expired by now; their sessions have not.
    expect(tally(requests)).toEqual({ 401: 10 });
    expect(logins).toHaveLength(10);
    expect(await t.tokens.listUserTokens(visitor)).toHaveLength(1);
    expect(await t.tokens.listUserTokens(user)).toHaveLength(20);
  });

  it('R36, R46: everything at once on one user fails nobody, and leaves what the last login left', async () => {
    const visitor = await t.createUser();
    const first = await single.tokens.generateHeaderToken(visitor);
    const outcomes = await Promise.all([
      times(10, () => orUnavailable(single.tokens.generateHeaderToken(visitor))),
      times(10, () => orUnavailable(single.tokens.refreshToken(first.refreshToken!))),
      times(10, () => get(t, 'sliding', first)),
      times(5, () => orUnavailable(single.tokens.listUserTokens(visitor))),
      times(2, () => orUnavailable(single.tokens.revokeExpiredTokens())),
      times(2, () => orUnavailable(single.tokens.revokeToken(first.token))),
    ]);
    expect(outcomes.flat()).not.toContain('503');
    expect(outcomes.flat()).not.toContain(500);
    const last = (outcomes[0] as IssuedTokens[])
      .map(({ token }) => token.id)
      .toSorted()
      .at(-1);
    expect((await t.tokens.listUserTokens(visitor)).map(({ id }) => id)).toEqual([last]);
  });
});
