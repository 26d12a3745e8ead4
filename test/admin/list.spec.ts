import { randomUUID } from 'node:crypto';
import { type AbstractAuthToken, type IssuedTokens, TokenRepository } from 'nestjs-authentify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionDirectory } from '../../lib/store/session-directory.js';
import { ADAPTERS } from '../support/app.js';
import type { User } from '../support/users.js';
import { type AdminApp, startAdmin } from './admin-app.js';

type Columns = Partial<AbstractAuthToken>;
type Shown = Record<string, unknown> & { id: string; state: string };

const NOW = Date.now();
const HOUR = 3_600_000;
const at = (hours: number): Date => new Date(NOW + hours * HOUR);
const day = (date: Date): string => date.toISOString().slice(0, 10);

/** Every way in which the dates of a session can stand to each other, and what it comes to. */
const STATES: [state: string, Columns][] = [
  ['active', {}],
  ['active', { expiresAt: null, refreshUntil: null }],
  ['active', { refreshUntil: null }],
  ['active', { sessionExpiresAt: at(9) }],
  ['idle', { expiresAt: at(-1) }],
  ['idle', { expiresAt: at(-1), sessionExpiresAt: at(9) }],
  ['expired', { expiresAt: at(-2), refreshUntil: at(-1) }],
  ['expired', { expiresAt: at(-1), refreshUntil: null }],
  ['expired', { sessionExpiresAt: at(-1) }],
  ['expired', { expiresAt: null, refreshUntil: null, sessionExpiresAt: at(-1) }],
  ['expired', { expiresAt: at(-1), sessionExpiresAt: at(-1) }],
  ['ended', { revokedAt: at(-1), revokedReason: 'reuse-detected' }],
  ['ended', { revokedAt: at(-1), revokedReason: 'expired', expiresAt: at(-9), refreshUntil: at(-8) }],
];

describe.each(ADAPTERS)('the list of sessions on %s', (adapter) => {
  let t: AdminApp;
  let ada: User;
  let bob: User;
  const list = async (query: Record<string, string> = {}): Promise<{ sessions: Shown[]; next: string | null }> => {
    const answer = await t.ask('GET', `/sessions?${new URLSearchParams(query).toString()}`);
    expect(answer.status, answer.text).toBe(200);
    return answer.json as never;
  };
  const ids = async (query: Record<string, string>): Promise<string[]> =>
    (await list({ ...query, limit: '200' })).sessions.map(({ id }) => id).toReversed();
  const open = async (user: User, columns: Columns): Promise<string> => {
    const { token } = await t.tokens.generateHeaderToken(user, { context: { device: 'laptop' } });
    if (Object.keys(columns).length > 0)
      await t.dataSource.getRepository(t.tokenEntity).update(token.id, columns as object);
    return token.id;
  };
  beforeAll(async () => {
    t = await startAdmin({ adapter, options: { keepExpiredTokens: true } });
    ada = await t.createUser({ email: 'Ada_Lovelace@example.com' });
    bob = await t.createUser({ email: 'bob%@example.com' });
  });
  afterAll(() => t.close());

  it('shows what there is to know of a session, and nothing secret', async () => {
    const { token, accessToken, refreshToken } = await t.tokens.generateHeaderToken(ada, { context: { os: 'Linux' } });
    const answer = await t.ask('GET', `/sessions?user=${ada.id}`);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.json).toEqual({
      sessions: [
        {
          id: token.id,
          userId: ada.id,
          userLabel: 'Ada_Lovelace@example.com',
          type: 'header',
          state: 'active',
          revokedReason: null,
          createdAt: token.createdAt.toISOString(),
          lastRefreshedAt: token.lastRefreshedAt.toISOString(),
          expiresAt: token.expiresAt?.toISOString(),
          refreshUntil: token.refreshUntil?.toISOString(),
          sessionExpiresAt: null,
          revokedAt: null,
          context: { os: 'Linux' },
        },
      ],
      next: null,
    });
    const row = (await t.rows()).find(({ id }) => id === token.id)!;
    const digests = Object.entries(row).filter(([name]) => /hash|salt/.test(name));
    for (const secret of [accessToken, refreshToken, ada.passwordHash, ...digests.map(([, digest]) => digest)]) {
      if (secret !== null) expect(answer.text).not.toContain(secret);
    }
    await t.tokens.revokeToken(token);
  });

  it('R66: tells and filters states alike, of every kind of session, as TokenRepository does', async () => {
    const user = await t.createUser();
    const made: [string, string][] = [];
    for (const [state, columns] of STATES) made.push([state, await open(user, columns)]);
    // Logins of one millisecond have ids in no order of their own.
    made.sort(([, one], [, other]) => (one < other ? -1 : 1));
    const all = await list({ user: String(user.id) });
    expect(all.sessions.map(({ state, id }) => [state, id]).toReversed()).toEqual(made);
    const repository = t.app.get(TokenRepository);
    for (const state of ['active', 'idle', 'expired', 'ended'] as const) {
      const expected = made.filter(([is]) => is === state).map(([, id]) => id);
      expect(await ids({ user: String(user.id), state })).toEqual(expected);
      const rows = await repository[state]().andWhere('token.user = :user', { user: user.id }).getMany();
      expect(rows.map(({ id }) => id).toSorted()).toEqual(expected);
    }
  });

  it('filters by the dates of login and expiry, from the first instant on and up to the last', async () => {
    const user = await t.createUser();
    const opened = [-72, -48, -24].map((hours) => uuidv7({ msecs: at(hours).getTime() }));
    for (const [index, id] of opened.entries()) {
      const created = at(-72 + 24 * index);
      const original = await open(user, {});
      const columns = { id, createdAt: created, expiresAt: new Date(created.getTime() + HOUR) };
      await t.dataSource.getRepository(t.tokenEntity).update(original, columns as object);
    }
    const [first, second, third] = opened as [string, string, string];
    const find = (query: Record<string, string>): Promise<string[]> => ids({ user: String(user.id), ...query });
    expect(await find({ createdFrom: at(-48).toISOString() })).toEqual([second, third]);
    expect(await find({ createdTo: at(-48).toISOString() })).toEqual([first]);
    expect(await find({ createdFrom: at(-72).toISOString(), createdTo: at(-24).toISOString() })).toEqual([
      first,
      second,
    ]);
    expect(await find({ createdFrom: day(at(-48)), createdTo: day(at(24)) })).toEqual([second, third]);
    expect(await find({ expiresFrom: at(-47).toISOString() })).toEqual([second, third]);
    expect(await find({ expiresTo: at(-47).toISOString() })).toEqual([first]);
    expect(await find({ expiresFrom: at(-71).toISOString(), expiresTo: at(-23).toISOString() })).toEqual([
      first,
      second,
    ]);
    expect(await find({ createdFrom: at(-60).toISOString(), expiresTo: at(-30).toISOString() })).toEqual([second]);
  });

  it('finds users by primary key, and by how a column begins, to the letter', async () => {
    const find = async (search: string): Promise<unknown> => {
      const answer = await t.ask('GET', `/users?${new URLSearchParams({ search }).toString()}`);
      expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
      return answer.json.users;
    };
    const her = [{ id: ada.id, label: 'Ada_Lovelace@example.com' }];
    const him = [{ id: bob.id, label: 'bob%@example.com' }];
    expect(await find(String(bob.id))).toEqual(him);
    for (const text of ['ada_', 'Ada_L', ' Ada_Lovelace@example.com ']) expect(await find(text)).toEqual(her);
    for (const text of ['bob%', 'BOB%@']) expect(await find(text)).toEqual(him);
    for (const nobody of ['bob_', 'a%', '%', '_', '!', 'example.com', "' OR 1=1 --", '4917012345678', '٣']) {
      expect(await find(nobody)).toEqual([]);
    }
  });

  it('turns pages by key: nothing twice, nothing left out, while others log in', async () => {
    const user = await t.createUser();
    const opened: string[] = [];
    for (let count = 0; count < 7; count += 1) opened.unshift(await open(user, {}));
    const pages: string[][] = [];
    let after: string | null = null;
    do {
      const page = await list({ user: String(user.id), limit: '3', ...(after && { after }) });
      pages.push(page.sessions.map(({ id }) => id));
      await open(user, {});
      after = page.next;
    } while (after !== null);
    expect(pages.map(({ length }) => length).slice(0, 2)).toEqual([3, 3]);
    // Within one millisecond ids, and so pages, are in no particular order.
    const seen = pages.flat().filter((id) => opened.includes(id));
    expect(seen).toEqual(opened.toSorted().toReversed());
  });

  it.each([
    ['an unknown field', { userid: '1' }, /has an unknown member "userid"/],
    ['an unknown state', { state: 'live' }, /member state.*'active', 'idle', 'expired', 'ended'/],
    ['a date that is none', { createdFrom: 'yesterday' }, /member createdFrom.*must be a date such as/],
    ['a date without its offset', { createdTo: '2026-01-31T12:00:00' }, /member createdTo/],
    ['a month that is none', { expiresTo: '2026-13-01' }, /member expiresTo/],
    ['a cursor that is no id', { after: '1 OR 1=1' }, /member after.*id of a session/],
    ['a limit of nothing', { limit: '0' }, /member limit.*1 to 200/],
    ['a limit beyond all bounds', { limit: '201' }, /member limit.*1 to 200/],
    ['a user that cannot be', { user: 'ada' }, /Expected a whole number/],
    ['no user at all', { user: '' }, /member user.*primary key/],
  ])('answers 400 before SQL to %s', async (_, query, message) => {
    const statements = await t.statements.during(async () => {
      const answer = await t.ask('GET', `/sessions?${new URLSearchParams(query as Record<string, string>).toString()}`);
      expect(answer.status).toBe(400);
      expect(answer.json.message).toMatch(message);
    });
    // The guard's own look-up is all there is.
    expect(statements).toHaveLength(1);
  });

  it.each([
    '',
    '?search=',
    '?search=%20',
    '?search=a&search=b',
    '?search=%00',
    `?search=${'a'.repeat(256)}`,
    '?text=a',
  ])('answers 400 to a search for nobody in particular: %s', async (query) => {
    const statements = await t.statements.during(async () => {
      expect((await t.ask('GET', `/users${query}`)).status).toBe(400);
    });
    expect(statements).toHaveLength(1);
  });

  it.each(['state=active&state=expired', 'state[]=active', 'state[a]=b', 'user=1&user=2', '__proto__[state]=active'])(
    'answers 400 to a query that is no list of single values: %s',
    async (query) => {
      expect((await t.ask('GET', `/sessions?${query}`)).status).toBe(400);
    },
  );

  it('names users as the app says', async () => {
    const other = await startAdmin({ adapter, admin: { searchColumns: [], userLabel: ({ id }) => `No. ${id}` } });
    try {
      expect((await other.ask('GET', '/users?search=admin')).json).toEqual({ users: [] });
      expect((await other.ask('GET', '/users?search=1')).json).toEqual({ users: [{ id: 1, label: 'No. 1' }] });
      const [session] = (await other.ask('GET', '/sessions')).json.sessions as Shown[];
      expect(session?.userLabel).toBe('No. 1');
    } finally {
      await other.close();
    }
  });
});

describe('the list of very many sessions', () => {
  it('looks at a bounded stretch per page, and says where to go on', async () => {
    const t = await startAdmin({ options: { keepExpiredTokens: true } });
    try {
      const user = await t.createUser();
      const oldest: IssuedTokens = await t.tokens.generateHeaderToken(user);
      await t.tokens.revokeToken(oldest.token);
      await fill(t, oldest.token.id, 5_500);
      const directory = t.app.get(SessionDirectory);
      const ended = { state: 'ended' as const, limit: 50, now: Date.now() };
      const first = await directory.page(ended);
      expect(first.sessions).toEqual([]);
      expect(first.next).not.toBeNull();
      const second = await directory.page({ ...ended, after: first.next! });
      expect(second.sessions.map(({ id }) => id)).toEqual([oldest.token.id]);
      expect(second.next).toBeNull();
    } finally {
      await t.close();
    }
  });
});

/** Copies a session many times, each later than the one before, and live. */
async function fill(t: AdminApp, id: string, count: number): Promise<void> {
  const rows = t.dataSource.getRepository(t.tokenEntity);
  const row = (await t.rows()).find((other) => other.id === id);
  const columns = rows.metadata.columns.map(({ databaseName }) => databaseName);
  for (let done = 0; done < count; done += 500) {
    const values = Array.from({ length: 500 }, (_, index) => {
      const copy: Record<string, unknown> = { ...row, revoked_at: null, revoked_reason: null };
      copy.id = uuidv7({ msecs: Date.now() + done + index });
      copy.access_token_hash = randomUUID();
      copy.refresh_family_hash = randomUUID();
      return columns.map((name) => copy[name]);
    });
    const { driver } = t.dataSource;
    const tuples = values.map(
      (tuple, line) => `(${tuple.map((_, index) => driver.createParameter('p', line * tuple.length + index)).join()})`,
    );
    const names = columns.map((name) => driver.escape(name)).join();
    const table = driver.escape(rows.metadata.tablePath.split('.').at(-1)!);
    const target = rows.metadata.tablePath.includes('.')
      ? `${driver.escape(rows.metadata.tablePath.split('.')[0]!)}.${table}`
      : table;
    await t.dataSource.query(`INSERT INTO ${target} (${names}) VALUES ${tuples.join()}`, values.flat());
  }
}
