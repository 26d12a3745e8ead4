import type { AbstractAuthToken } from 'nestjs-authentify';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SessionDirectory } from '../../lib/store/session-directory.js';
import { SessionStore } from '../../lib/sessions/session-store.js';
import { SessionTable } from '../../lib/store/session-table.js';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import type { User } from '../support/users.js';

/** A time after 2026-12-24 whose last four hexadecimal digits, which are a group of an id, are all 0. */
const ERA = Math.ceil(Date.UTC(2026, 11, 24) / 0x1_00_00) * 0x1_00_00;

/**
 * Collations of the column `id`, each with times of logins, one after the other, whose ids it sorts the other way round:
 * Danish has `aa` after z, Welsh has `dd` and `ff` for letters of their own, and numeric collations read `00` as 0.
 */
const PLACES: Record<string, [name: string, alter: string[], times: number[]][]> = {
  postgres: [
    ...[
      ['da-x-icu', [0xaa_00, 0xab_00, 0xac_00]],
      ['nb-x-icu', [0xaa_00, 0xab_00, 0xac_00]],
      ['sv-x-icu', [0x0a_a0, 0x0a_b0, 0xff_00]],
      ['cy-x-icu', [0xdd_00, 0xde_00, 0xdf_00]],
      ['en-x-icu', [0x00_ff, 0x0a_00, 0xaa_00]],
      ['C', [0x00_ff, 0x0a_00, 0xaa_00]],
    ].map(([collation, times]): [string, string[], number[]] => [
      collation as string,
      [`ALTER TABLE auth_tokens ALTER COLUMN id TYPE varchar(36) COLLATE "${collation as string}"`],
      times as number[],
    ]),
    [
      'numeric and nondeterministic',
      [
        "CREATE COLLATION SCHEMA.numerically (provider = icu, locale = 'und-u-kn-true', deterministic = false)",
        'ALTER TABLE auth_tokens ALTER COLUMN id TYPE varchar(36) COLLATE SCHEMA.numerically',
      ],
      [0x00_ff, 0x0a_00, 0x0b_00],
    ],
  ],
  mariadb: ['utf8mb4_danish_ci', 'latin1_danish_ci', 'utf8mb4_bin', 'latin1_swedish_ci', 'ucs2_danish_ci'].map(
    (collation) => [
      collation,
      [
        `ALTER TABLE auth_tokens MODIFY id varchar(36) CHARACTER SET ${collation.split('_')[0]!} COLLATE ${collation} NOT NULL`,
      ],
      [0xaa_00, 0xab_00, 0xac_00],
    ],
  ),
  sqljs: [['BINARY', [], [0xaa_00, 0xab_00, 0xac_00]]],
};

describe.each(PLACES[DATABASE]!)('where the database orders ids by the collation %s', (_name, alter, times) => {
  let t: TestApp;
  let single: TestApp;
  let two: TestApp;
  beforeAll(async () => {
    t = await startApp({ options: { keepExpiredTokens: true } });
    const { schema, tablePath } = t.dataSource.getMetadata(t.tokenEntity);
    for (const sql of alter) {
      await t.dataSource.query(sql.replace('auth_tokens', tablePath).replace('SCHEMA', schema ?? ''));
    }
    single = await startApp({ beside: t, options: { enforceSingleLogin: true } });
    two = await startApp({ beside: t, options: { maxSessionsPerUser: 2 } });
  });
  afterAll(() => t.close());

  /** Logs in once at each of the times, and returns the ids in that order. */
  const logIn = async ({ tokens }: TestApp, user: User): Promise<{ id: string; accessToken: string }[]> => {
    const sessions: { id: string; accessToken: string }[] = [];
    for (const time of times) {
      vi.useFakeTimers({ toFake: ['Date'], now: ERA + time });
      const { token, accessToken } = await tokens.generateHeaderToken(user);
      sessions.push({ id: token.id, accessToken });
    }
    return sessions;
  };
  const idsOf = (sessions: Pick<AbstractAuthToken, 'id'>[]): string[] => sessions.map(({ id }) => id);

  it('R46: the later of two logins lives, and the one before is ended', async () => {
    const user = await t.createUser();
    let last: string | undefined;
    for (const time of times) {
      vi.useFakeTimers({ toFake: ['Date'], now: ERA + time });
      const { accessToken } = await single.tokens.generateHeaderToken(user);
      expect(await single.tokens.verifyToken(accessToken)).not.toBeNull();
      if (last !== undefined) expect(await single.tokens.verifyToken(last)).toBeNull();
      last = accessToken;
    }
  });

  it('R47: a limit ends the oldest', async () => {
    const sessions = await logIn(two, await t.createUser());
    const verified = await Promise.all(sessions.map(({ accessToken }) => two.tokens.verifyToken(accessToken)));
    expect(verified.map((token) => token !== null)).toEqual([false, true, true]);
  });

  it('R46: a later login on a node whose clock is behind lives, in the order and in its id', async () => {
    const user = await t.createUser();
    vi.useFakeTimers({ toFake: ['Date'], now: ERA + times[0]! });
    const first = await single.tokens.generateHeaderToken(user);
    vi.setSystemTime(ERA - 5_000);
    const second = await single.tokens.generateHeaderToken(user);
    expect(await single.tokens.verifyToken(first.accessToken)).toBeNull();
    expect(await single.tokens.verifyToken(second.accessToken)).not.toBeNull();
    expect(second.token.createdAt).toEqual(new Date(ERA + times[0]! + 1));
    expect(second.token.expiresAt).toEqual(new Date(ERA - 5_000 + 86_400_000));
  });

  it('R46: lists are newest first, page by page, also after a session that is gone', async () => {
    const user = await t.createUser();
    const [first, second, third] = idsOf(await logIn(t, user)) as [string, string, string];
    expect(idsOf(await t.tokens.listUserTokens(user))).toEqual([third, second, first]);

    const store = t.app.get(SessionStore);
    const pages = async (): Promise<string[][]> => [
      idsOf(await store.liveOf(user.id, Date.now(), { limit: 1 })),
      idsOf(await store.liveOf(user.id, Date.now(), { limit: 1, before: third })),
      idsOf(await store.liveOf(user.id, Date.now(), { before: second })),
      idsOf(await store.liveOf(user.id, Date.now(), { before: first })),
    ];
    expect(await pages()).toEqual([[third], [second], [first], []]);
    await t.dataSource.getRepository<AbstractAuthToken>(t.tokenEntity).delete({ id: second });
    expect(await pages()).toEqual([[third], [first], [first], []]);
  });

  it('R46: the list of everybody’s sessions, its pages and its filters go by the time of the login', async () => {
    const user = await t.createUser();
    const [first, second, third] = idsOf(await logIn(t, user)) as [string, string, string];
    const directory = new SessionDirectory(t.app.get(SessionTable));
    const list = async (request: object): Promise<string[]> => {
      const page = { userId: user.id, limit: 9, now: Date.now(), ...request };
      return idsOf((await directory.page(page)).sessions);
    };
    const at = (index: number): Date => new Date(ERA + times[index]!);
    expect(await list({})).toEqual([third, second, first]);
    expect(await list({ after: third, limit: 1 })).toEqual([second]);
    expect(await list({ after: second, state: 'active' })).toEqual([first]);
    expect(await list({ createdFrom: at(1) })).toEqual([third, second]);
    expect(await list({ createdTo: at(1) })).toEqual([first]);
    expect(await list({ createdFrom: at(0), createdTo: at(2), state: 'active' })).toEqual([second, first]);
  });

  it('sessions of one millisecond have one order in all pages', async () => {
    const user = await t.createUser();
    vi.useFakeTimers({ toFake: ['Date'], now: ERA });
    for (let login = 0; login < 12; login += 1) await t.tokens.generateHeaderToken(user);
    const all = idsOf(await t.tokens.listUserTokens(user));
    const turned: string[] = [];
    for (let page: string[] = []; turned.length < all.length; turned.push(...page)) {
      page = idsOf(await t.app.get(SessionStore).liveOf(user.id, Date.now(), { limit: 5, before: turned.at(-1) }));
      expect(page).not.toEqual([]);
    }
    expect(turned).toEqual(all);
  });

  it('a session whose time was set by hand stands where its time says', async () => {
    const user = await t.createUser();
    const [first, second, third] = idsOf(await logIn(t, user)) as [string, string, string];
    const rows = t.dataSource.getRepository<AbstractAuthToken>(t.tokenEntity);
    await rows.update({ id: first }, { createdAt: new Date(ERA + 0xff_ff) });
    expect(idsOf(await t.tokens.listUserTokens(user))).toEqual([first, third, second]);
    const next = await t.app.get(SessionStore).liveOf(user.id, Date.now(), { limit: 1, before: first });
    expect(idsOf(next)).toEqual([third]);
    const unknown = uuidv7({ msecs: ERA + times[1]! + 1 });
    expect(idsOf(await t.app.get(SessionStore).liveOf(user.id, Date.now(), { before: unknown }))).toEqual([second]);
  });
});
