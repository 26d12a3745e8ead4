import { readFileSync } from 'node:fs';
import { Controller, Get, UseInterceptors } from '@nestjs/common';
import { AutoRefreshInterceptor, type IssuedTokens } from 'nestjs-authentify';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bearer, send } from '../requests/client.js';
import { cookiesOf, sessionClient, tokensInCookies } from '../session-routes/client.js';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { DEPLOYMENTS, mixedFleet } from '../support/deployments.js';
import type { User } from '../support/users.js';
import { at, eventsOf, HOUR, MINUTE, NOW, pairOf, SECOND, tally, times } from './outcomes.js';

const LIFETIMES = {
  tokenTtl: '1h',
  refreshTokenTtl: '2h',
  autoRefreshInterval: '5m',
  keepExpiredTokens: true,
} as const;

@Controller('used')
class SlidingController {
  @Get()
  @UseInterceptors(AutoRefreshInterceptor)
  used(): object {
    return {};
  }
}

/** One node for each step of a deployment, all on one table. */
async function start(steps: readonly Setup['options'][]): Promise<TestApp[]> {
  const nodes: TestApp[] = [];
  for (const options of steps) {
    const extras = { sessionRoutes: { path: 'auth' }, guardAllRoutes: true };
    const setup = { options: { ...LIFETIMES, ...options }, extras, controllers: [SlidingController] };
    nodes.push(await startApp(nodes[0] ? { ...setup, beside: nodes[0] } : setup));
  }
  return nodes;
}

async function stop(nodes: readonly TestApp[]): Promise<void> {
  vi.useRealTimers();
  for (const node of nodes.toReversed()) await node.close();
}

/** A step and the one before or after it, as they run together; in both orders, for the way back too. */
const NEIGHBOURS = [0, 1, 2].flatMap((step) => [
  [step, step + 1],
  [step + 1, step],
]) as [number, number][];

describe.each(Object.entries(DEPLOYMENTS))('a move %s', (_, deployment) => {
  let nodes: TestApp[];
  let user: User;
  let events: () => Record<string, number>;

  beforeAll(async () => {
    nodes = await start(deployment);
    user = await nodes[0]!.createUser();
    events = eventsOf(...nodes);
  });
  beforeEach(() => {
    at(NOW);
    events();
  });
  afterAll(() => stop(nodes));

  const login = (node: TestApp): Promise<IssuedTokens> => node.tokens.generateHeaderToken(user);
  const isLive = async (node: TestApp, pair: Pick<IssuedTokens, 'accessToken'> | null) =>
    (await node.tokens.verifyToken(pair!.accessToken)) !== null;
  const reasonOf = async ({ token }: IssuedTokens) =>
    (await nodes[0]!.rows()).find(({ id }) => id === token.id)!.revoked_reason;
  const cookieLogin = async (node: TestApp) => node.tokens.generateCookieToken(user);
  const use = async (node: TestApp, headers: Record<string, string>) =>
    (await send(`${node.url}/used`, { headers })).status;
  const routes = (node: TestApp) => sessionClient(`${node.url}/auth`);

  describe.each(NEIGHBOURS)('with nodes of the steps %i and %i', (one, other) => {
    let a: TestApp;
    let b: TestApp;
    beforeAll(() => {
      [a, b] = [nodes[one]!, nodes[other]!];
    });

    it('R79: a session of one is verified, refreshed and given its pair again by the other, in turn', async () => {
      let current = await login(a);
      for (let generation = 0; generation < 4; generation += 1) {
        const [winner, sibling] = generation % 2 === 0 ? [b, a] : [a, b];
        expect([await isLive(winner, current), await isLive(sibling, current)]).toEqual([true, true]);
        const next = await winner.tokens.refreshToken(current.refreshToken!);
        const retried = await sibling.tokens.refreshToken(current.refreshToken!);
        expect(pairOf(retried)).toBe(pairOf(next));
        expect([await isLive(winner, current), await isLive(sibling, current)]).toEqual([false, false]);
        current = next!;
      }
      expect(events()).toMatchObject({ refreshed: 4, replayed: 4 });
    });

    it('R79, R30: of a storm of refreshes on both one rotates, and all get its pair', async () => {
      const first = await login(a);
      const answers = await times(10, (index) => (index % 2 === 0 ? a : b).tokens.refreshToken(first.refreshToken!));
      expect(Object.values(tally(answers.map(pairOf)))).toEqual([10]);
      expect(events()).toEqual({ issued: 1, refreshed: 1, replayed: 9 });
      expect([await isLive(a, answers[0]!), await isLive(b, answers[0]!)]).toEqual([true, true]);
    });

    it('R79, R31: an earlier refresh token that comes back to the other ends the session', async () => {
      const first = await login(a);
      const second = await b.tokens.refreshToken(first.refreshToken!);
      const third = await a.tokens.refreshToken(second!.refreshToken!);
      expect(await b.tokens.refreshToken(first.refreshToken!)).toBeNull();
      expect(await reasonOf(first)).toBe('reuse-detected');
      expect([await isLive(a, third), await isLive(b, third)]).toEqual([false, false]);

      const late = await login(a);
      await b.tokens.refreshToken(late.refreshToken!);
      at(NOW + 30 * SECOND);
      expect(await a.tokens.refreshToken(late.refreshToken!)).toBeNull();
      expect(await reasonOf(late)).toBe('reuse-detected');
    });

    it('R79: is used, slid, refreshed and logged out over HTTP, by header and by cookie', async () => {
      for (const first of [await login(a), await cookieLogin(a)]) {
        const isCookie = first.token.authType === 'cookie';
        const credentials = (pair: Pick<IssuedTokens, 'accessToken' | 'refreshToken'>) =>
          isCookie ? cookiesOf(pair) : bearer(pair.accessToken);
        at(NOW + 6 * MINUTE);
        events();
        expect([await use(b, credentials(first)), await use(a, credentials(first))]).toEqual([200, 200]);
        expect(events()).toEqual({ authenticated: 2, slid: 1 });

        const answer = isCookie ? await routes(b).refreshByCookie(first) : await routes(b).refresh(first.refreshToken);
        expect(answer.status).toBe(200);
        const second = (isCookie ? tokensInCookies(answer) : answer.json) as {
          accessToken: string;
          refreshToken: string;
        };
        expect([await use(b, credentials(second)), await use(a, credentials(second))]).toEqual([200, 200]);
        expect(await use(a, credentials(first))).toBe(401);

        // By the access token at one, by the refresh token alone at the other.
        const logout = isCookie
          ? { headers: { Cookie: `__Host-refresh-token=${second.refreshToken}` } }
          : { headers: bearer(second.refreshToken) };
        expect((await routes(a).call('POST', 'logout', logout)).status).toBe(204);
        expect(await reasonOf(first)).toBe('revoked');
        expect([await use(b, credentials(second)), await use(a, credentials(second))]).toEqual([401, 401]);
        expect(events()['reuse-detected']).toBeUndefined();
        at(NOW);
      }
    });

    it('R79, R18: what one revokes the other refuses', async () => {
      const first = await login(a);
      expect(await b.tokens.revokeToken((await b.tokens.verifyToken(first.accessToken))!)).toBe(1);
      expect([await isLive(a, first), await isLive(b, first)]).toEqual([false, false]);
      expect(await a.tokens.refreshToken(first.refreshToken!)).toBeNull();
    });
  });

  it('R79: a session of the first step lives through all of them, and reuse is known to the end', async () => {
    const first = await login(nodes[0]!);
    for (const node of nodes.slice(0, 3)) expect(await isLive(node, first)).toBe(true);
    const second = await nodes[2]!.tokens.refreshToken(first.refreshToken!);
    for (const node of nodes.slice(1)) expect(await isLive(node, second)).toBe(true);
    const third = await nodes[3]!.tokens.refreshToken(second!.refreshToken!);
    expect(await isLive(nodes[3]!, third)).toBe(true);
    expect(await nodes[3]!.tokens.refreshToken(third!.refreshToken!)).not.toBeNull();
    expect(await nodes[3]!.tokens.refreshToken(second!.refreshToken!)).toBeNull();
    expect(await reasonOf(first)).toBe('reuse-detected');
  });

  it('R79: the last step refuses what was never refreshed, and ends nothing', async () => {
    const first = await login(nodes[1]!);
    expect(await isLive(nodes[3]!, first)).toBe(false);
    expect(await nodes[3]!.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await use(nodes[3]!, bearer(first.accessToken))).toBe(401);
    expect(await isLive(nodes[2]!, first)).toBe(true);
    expect(await nodes[2]!.tokens.refreshToken(first.refreshToken!)).not.toBeNull();
  });

  it('R79: with a step left out half of the nodes refuse the new pair, and end nothing', async () => {
    const first = await login(nodes[0]!);
    const second = await nodes[2]!.tokens.refreshToken(first.refreshToken!);
    expect(await isLive(nodes[0]!, second)).toBe(false);
    // A retry within the grace period gets no pair of its own, whatever the node makes of the row.
    expect(await nodes[0]!.tokens.refreshToken(first.refreshToken!)).toBeNull();
    expect(await nodes[0]!.tokens.refreshToken(second!.refreshToken!)).toBeNull();
    expect(events()['reuse-detected']).toBeUndefined();
    expect(await isLive(nodes[2]!, second)).toBe(true);
    expect(await nodes[1]!.tokens.refreshToken(second!.refreshToken!)).not.toBeNull();
  });

  it('R79: the documented query counts those that the last step would log out', async () => {
    const page = readFileSync(new URL('../../docs/recipes/keys.md', import.meta.url), 'utf8');
    const query = /```sql\n--.*\n([^]*?)```/.exec(page)![1]!;
    const { tablePath } = nodes[0]!.dataSource.getMetadata(nodes[0]!.tokenEntity);
    const since = NOW + 4 * HOUR;
    const left = async () => {
      const sql = query
        .replace('auth_tokens', tablePath)
        .replace(':since', String(since))
        .replace(':now', String(Date.now()));
      return Number(Object.values((await nodes[0]!.dataSource.query<object[]>(sql))[0]!)[0]);
    };
    at(since - 1);
    const [moving, staying, ended] = [await login(nodes[0]!), await login(nodes[1]!), await login(nodes[1]!)];
    await nodes[0]!.tokens.revokeToken(ended.token);
    expect(await left()).toBe(2);
    at(since);
    await nodes[2]!.tokens.refreshToken(moving.refreshToken!);
    await login(nodes[2]!);
    expect(await left()).toBe(1);
    expect(await isLive(nodes[3]!, staying)).toBe(false);
    // Then it is over anyway.
    at(since + 4 * HOUR);
    expect(await left()).toBe(0);
  });

  it('R79: sends as many statements as ever', async () => {
    const first = await login(nodes[1]!);
    expect(await nodes[0]!.statements.during(() => isLive(nodes[2]!, first))).toHaveLength(1);
    const rotation = () => nodes[2]!.tokens.refreshToken(first.refreshToken!);
    expect(await nodes[0]!.statements.during(rotation)).toHaveLength(2);
  });
});

/** What a session's client, or a thief, does next, and on which node. */
const ACTS = fc.array(
  fc.record({
    node: fc.nat(7),
    act: fc.constantFrom('refresh', 'refresh', 'retry', 'use', 'use an old one', 'wait', 'replay an older one'),
  }),
  { minLength: 5, maxLength: 12 },
);

describe('nodes that each write another form and accept all', () => {
  let nodes: TestApp[];
  let user: User;
  beforeAll(async () => {
    nodes = await start(mixedFleet());
    user = await nodes[0]!.createUser();
  });
  afterAll(() => stop(nodes));

  it('R79, R31, R32: answer as one node would, whatever comes to which of them', async () => {
    expect(nodes).toHaveLength(8);
    await fc.assert(
      fc.asyncProperty(fc.nat(7), ACTS, async (first, acts) => {
        let now = NOW;
        at(now);
        let rotatedAt = Number.NEGATIVE_INFINITY;
        const pairs = [await nodes[first]!.tokens.generateHeaderToken(user)];
        const [id, current] = [pairs[0]!.token.id, () => pairs.at(-1)!];
        for (const { node, act } of acts) {
          const { tokens } = nodes[node]!;
          const previous = pairs.at(-2);
          if (act === 'wait') at((now += 30 * SECOND));
          if (act === 'use') expect((await tokens.verifyToken(current().accessToken))?.id).toBe(id);
          if (act === 'use an old one' && previous) expect(await tokens.verifyToken(previous.accessToken)).toBeNull();
          if (act === 'refresh') {
            const next = await tokens.refreshToken(current().refreshToken!);
            expect(next?.token.id).toBe(id);
            pairs.push(next!);
            rotatedAt = now;
          }
          const isRetry = act === 'retry' && previous && now - rotatedAt < 30 * SECOND;
          if (isRetry) expect(pairOf(await tokens.refreshToken(previous.refreshToken!))).toBe(pairOf(current()));
          const stolen =
            act === 'replay an older one' ? pairs.at(-3) : act === 'retry' && !isRetry ? previous : undefined;
          if (!stolen) continue;
          expect(await tokens.refreshToken(stolen.refreshToken!)).toBeNull();
          for (const each of nodes) expect(await each.tokens.verifyToken(current().accessToken)).toBeNull();
          return;
        }
        for (const each of nodes) expect((await each.tokens.verifyToken(current().accessToken))?.id).toBe(id);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a move of the names of both cookies', () => {
  const STEPS = [['old'], ['old', 'new'], ['new', 'old'], ['new']].map((names) => ({
    authCookieNames: names.map((name) => `__Host-${name}`),
    refreshCookieName: names.map((name) => `__Host-${name}-refresh`),
  }));
  let nodes: TestApp[];
  beforeAll(async () => {
    nodes = await start(STEPS);
  });
  afterAll(() => stop(nodes));

  /** What a browser holds, and does with the cookies of an answer. */
  class Browser {
    private readonly cookies = new Map<string, string>();

    async send(node: TestApp, method: string, path: string): Promise<number> {
      const Cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
      const answer = await send(`${node.url}/${path}`, { method, headers: { Cookie } });
      for (const line of answer.cookies) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line)!;
        if (line.includes('Max-Age=0')) this.cookies.delete(name);
        else this.cookies.set(name, value);
      }
      return answer.status;
    }

    put(name: string, value: string): void {
      this.cookies.set(name, value);
    }

    get names(): string[] {
      return [...this.cookies.keys()].toSorted();
    }
  }

  it.each(NEIGHBOURS)('R79: logs no browser out between nodes of the steps %i and %i', async (one, other) => {
    at(NOW);
    const [a, b] = [nodes[one]!, nodes[other]!];
    const issued = await a.tokens.generateCookieToken(await a.createUser());
    const browser = new Browser();
    browser.put(STEPS[one]!.authCookieNames[0]!, issued.accessToken);
    browser.put(STEPS[one]!.refreshCookieName[0]!, issued.refreshToken!);
    for (const [round, node] of [b, a, b, a, a, b].entries()) {
      const names = STEPS[nodes.indexOf(node)]!;
      expect(await browser.send(node, 'POST', 'auth/refresh')).toBe(200);
      expect(browser.names).toEqual([names.authCookieNames[0], names.refreshCookieName[0]]);
      // Slides, and writes the cookie again under the name that it came by.
      at(NOW + (round + 1) * 6 * MINUTE);
      expect([await browser.send(a, 'GET', 'used'), await browser.send(b, 'GET', 'used')]).toEqual([200, 200]);
    }
    expect(await browser.send(a, 'POST', 'auth/logout')).toBe(204);
    expect(browser.names).toEqual([]);
    expect((await a.rows()).find(({ id }) => id === issued.token.id)!.revoked_reason).toBe('revoked');
  });
});

describe.each<[string, Setup['options'], Setup['options']]>([
  ['shorter lifetimes', {}, { tokenTtl: '10m', refreshTokenTtl: '20m', autoRefreshInterval: '5m' }],
  ['an absolute end', {}, { sessionMaxTtl: '5h' }],
  ['a limit of sessions', {}, { maxSessionsPerUser: 1 }],
  ['a longer grace period', {}, { refreshGracePeriod: '60s' }],
  ['rows that are not kept', {}, { keepExpiredTokens: false }],
  ['one scheme for another', { authHeaderPrefixes: ['Bearer'] }, { authHeaderPrefixes: ['Session', 'Bearer'] }],
  ['a realm and unprepared statements', {}, { realm: 'new', preparedStatements: false }],
])('nodes without and with %s', (_, before, after) => {
  let nodes: [TestApp, TestApp];
  beforeAll(async () => {
    nodes = (await start([before, after])) as [TestApp, TestApp];
  });
  afterAll(() => stop(nodes));

  it('R79: share a session, and leave it the lifetimes of its login', async () => {
    at(NOW);
    const user = await nodes[0].createUser();
    for (const [index, opener] of nodes.entries()) {
      const first = await opener.tokens.generateHeaderToken(user);
      const lifetimes = ({ token }: IssuedTokens) =>
        [token.expiresAt, token.refreshUntil].map((instant) => instant!.getTime() - token.lastRefreshedAt.getTime());
      let current = first;
      for (const [round, node] of [nodes[1 - index]!, opener, nodes[1 - index]!].entries()) {
        at(NOW + round * 6 * MINUTE);
        for (const each of nodes) {
          const answer = await send(`${each.url}/used`, { headers: bearer(current.accessToken) });
          expect(answer.status).toBe(200);
        }
        const next = await node.tokens.refreshToken(current.refreshToken!);
        const sibling = nodes.find((each) => each !== node)!;
        expect(pairOf(await sibling.tokens.refreshToken(current.refreshToken!))).toBe(pairOf(next));
        expect(lifetimes(next!)).toEqual(lifetimes(first));
        expect(next!.token.sessionExpiresAt).toEqual(first.token.sessionExpiresAt);
        current = next!;
      }
      expect(await nodes[1 - index]!.tokens.revokeToken(current.token)).toBe(1);
      expect(await opener.tokens.verifyToken(current.accessToken)).toBeNull();
      at(NOW);
    }
  });
});

describe('nodes of the version before', () => {
  it('R79: go on working on a table to which a later version has added columns', async () => {
    const [t] = (await start([{}])) as [TestApp];
    try {
      const user = await t.createUser();
      at(NOW);
      const first = await t.tokens.generateHeaderToken(user);
      expect((await send(`${t.url}/used`, { headers: bearer(first.accessToken) })).status).toBe(200);
      const { tablePath } = t.dataSource.getMetadata(t.tokenEntity);
      for (const column of ['later varchar(40) NULL', "later_still varchar(9) DEFAULT 'x' NOT NULL"]) {
        await t.dataSource.query(`ALTER TABLE ${tablePath} ADD COLUMN ${column}`);
      }

      at(NOW + 6 * MINUTE);
      expect((await send(`${t.url}/used`, { headers: bearer(first.accessToken) })).status).toBe(200);
      const second = await t.tokens.refreshToken(first.refreshToken!);
      const retried = await t.tokens.refreshToken(first.refreshToken!);
      expect(pairOf(retried)).toBe(pairOf(second));
      const other = await t.tokens.generateHeaderToken(user);
      expect(await t.tokens.listUserTokens(user)).toHaveLength(2);
      expect(await t.tokens.revokeToken(other.token)).toBe(1);
      at(NOW + 24 * HOUR);
      expect(await t.tokens.revokeExpiredTokens()).toBe(1);
    } finally {
      await stop([t]);
    }
  });
});
