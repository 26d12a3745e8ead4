import { randomBytes } from 'node:crypto';
import {
  drfAuthentifyTokens,
  importDrfAuthentify,
  type ImportDrfAuthentifyOptions,
} from 'nestjs-authentify/migrations';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { send } from '../requests/client.js';
import { GuardedController } from '../requests/controllers.js';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';
import { DrfAuthentify, type OldTokens } from './drf-authentify.js';

const NOW = Date.UTC(2026, 0, 15, 12, 0, 0, 123);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Logged in two hours ago, extended one hour ago: an hour of access and a week of refresh from then on. */
const LIVE = {
  createdAt: NOW - 2 * HOUR,
  lastRefreshedAt: NOW - HOUR / 2,
  expiresAt: NOW + HOUR / 2,
  refreshUntil: NOW + 7 * DAY,
};

let t: TestApp;
let drf: DrfAuthentify;
let ada: User;

async function start(options: Setup['options'] = { acceptLegacyTokens: drfAuthentifyTokens }): Promise<void> {
  t = await startApp({ options });
  drf = await DrfAuthentify.create(t.dataSource);
  ada = await t.createUser();
}

/** Runs the migration, as TypeORM would. */
async function runImport(options?: ImportDrfAuthentifyOptions): Promise<void> {
  const Migration = importDrfAuthentify(options);
  const queryRunner = t.dataSource.createQueryRunner();
  try {
    await new Migration().up(queryRunner);
  } finally {
    await queryRunner.release();
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW });
});
afterEach(() => t.close());

describe('a session imported from drf-authentify', () => {
  it('is verified by the token its client has, with user, context, dates and lifetimes as they were', async () => {
    await start();
    const old = await drf.login(ada.id, { ...LIVE, context: { device: 'phone', tags: ['a', 'ü'] } });
    await runImport();

    const session = await t.tokens.verifyToken(old.access, 'header');
    expect(session).toMatchObject({ userId: ada.id, user: { id: ada.id }, authType: 'header', revokedAt: null });
    expect(session!.contextObj).toEqual({ device: 'phone', tags: ['a', 'ü'] });
    const { createdAt, lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt } = session!;
    expect({ createdAt, lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt }).toEqual({
      createdAt: new Date(LIVE.createdAt),
      lastRefreshedAt: new Date(LIVE.lastRefreshedAt),
      expiresAt: new Date(LIVE.expiresAt),
      refreshUntil: new Date(LIVE.refreshUntil),
      sessionExpiresAt: null,
    });
    expect(session!.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('is let in by header, by the old scheme too, and by the old cookie', async () => {
    t = await startApp({
      options: { acceptLegacyTokens: drfAuthentifyTokens, authCookieNames: ['token'] },
      controllers: [GuardedController],
    });
    drf = await DrfAuthentify.create(t.dataSource);
    ada = await t.createUser();
    const byHeader = await drf.login(ada.id, LIVE);
    const byCookie = await drf.login(ada.id, { ...LIVE, authType: 'cookie' });
    await runImport();

    const get = async (headers: Record<string, string>) => (await send(`${t.url}/guarded/either`, { headers })).status;
    expect(await get({ Authorization: `Bearer ${byHeader.access}` })).toBe(200);
    expect(await get({ Authorization: `token ${byHeader.access}` })).toBe(200);
    expect(await get({ Cookie: `token=${byCookie.access}` })).toBe(200);
    expect(await get({ Cookie: `token=${byHeader.access}` })).toBe(401);
    expect(await get({ Authorization: `Bearer ${byHeader.refresh}` })).toBe(401);
  });

  it('is found in one statement, and a token of no known shape in none', async () => {
    await start();
    const old = await drf.login(ada.id, LIVE);
    await runImport();

    expect(await t.statements.during(() => t.tokens.verifyToken(old.access))).toHaveLength(1);
    const strangers = [
      old.access.slice(1),
      `${old.access}A`,
      old.refresh,
      `${old.access.slice(1)}=`,
      `${old.access.slice(1)}é`,
    ];
    for (const stranger of strangers) {
      expect(await t.statements.during(() => t.tokens.verifyToken(stranger))).toEqual([]);
    }
    for (const stranger of [old.refresh.slice(1), `${old.refresh}A`, old.access, `${old.refresh.slice(1)}+`]) {
      expect(await t.statements.during(() => t.tokens.refreshToken(stranger))).toEqual([]);
    }
  });

  it('is refused on the wrong transport, past its expiry, once revoked, and of an inactive user', async () => {
    await start();
    const old = await drf.login(ada.id, { ...LIVE, authType: 'cookie' });
    await runImport();
    expect(await t.tokens.verifyToken(old.access, 'header')).toBeNull();
    expect(await t.tokens.refreshToken(old.refresh, { authType: 'header' })).toBeNull();

    await t.dataSource.getRepository(User).update(ada.id, { isActive: false });
    expect(await t.tokens.verifyToken(old.access)).toBeNull();
    expect(await t.tokens.refreshToken(old.refresh)).toBeNull();
    await t.dataSource.getRepository(User).update(ada.id, { isActive: true });

    vi.setSystemTime(LIVE.expiresAt);
    expect(await t.tokens.verifyToken(old.access)).toBeNull();
    vi.setSystemTime(NOW);
    expect(await t.tokens.revokeAllUserTokens(ada)).toBe(1);
    expect(await t.tokens.verifyToken(old.access)).toBeNull();
    expect(await t.tokens.refreshToken(old.refresh)).toBeNull();
  });

  it('is none without the option: its tokens cost no SQL', async () => {
    await start({});
    const old = await drf.login(ada.id, LIVE);
    await runImport();
    expect(await t.statements.during(() => t.tokens.verifyToken(old.access))).toEqual([]);
    expect(await t.statements.during(() => t.tokens.refreshToken(old.refresh))).toEqual([]);
    expect(await t.tokens.listUserTokens(ada)).toHaveLength(1);
  });

  it('that never expires goes on so, without the refresh token it has no use for', async () => {
    await start();
    const old = await drf.login(ada.id, { ...LIVE, expiresAt: null });
    await runImport();
    vi.setSystemTime(NOW + 10 * 365 * DAY);
    expect(await t.tokens.verifyToken(old.access)).toMatchObject({ expiresAt: null, refreshUntil: null });
    expect(await t.tokens.refreshToken(old.refresh)).toBeNull();
  });
});

const KEYS = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];

describe.each<[string, Setup['options'], ('sha256' | 'sha512')?]>([
  ['plain digests', {}],
  ['keyed digests', { hashSecrets: KEYS }],
  ['R79: digests of another algorithm', { secureHashAlgorithm: ['sha384', 'sha256', 'sha512'] }, 'sha512'],
  [
    'R79: keyed digests of another algorithm',
    { hashSecrets: KEYS, secureHashAlgorithm: ['sha256', 'sha512'] },
    'sha512',
  ],
])('the first refresh of an imported session, into %s', (_, options, algorithm) => {
  let old: OldTokens;

  beforeEach(async () => {
    await start({ acceptLegacyTokens: drfAuthentifyTokens, ...options });
    old = await drf.login(ada.id, { ...LIVE, algorithm, context: { device: 'phone' } });
    await runImport();
  });

  it('gives a pair of ours in the same session, with its own lifetimes, and ends the old access token', async () => {
    const session = await t.tokens.verifyToken(old.access);
    const next = await t.tokens.refreshToken(old.refresh, { authType: 'header' });

    expect(next!.accessToken).toMatch(/^af_at_/);
    expect(next!.refreshToken).toMatch(/^af_rt_/);
    expect(next!.token).toMatchObject({ id: session!.id, context: { device: 'phone' } });
    expect(next!.token.expiresAt).toEqual(new Date(NOW + HOUR));
    expect(next!.token.refreshUntil).toEqual(new Date(NOW + 7 * DAY + HOUR / 2));
    expect(await t.tokens.verifyToken(old.access)).toBeNull();
    expect(await t.tokens.verifyToken(next!.accessToken)).toMatchObject({ id: session!.id });
    expect(await t.tokens.refreshToken(next!.refreshToken!)).not.toBeNull();
  });

  it('answers a retry within the grace period with the same pair', async () => {
    const first = await t.tokens.refreshToken(old.refresh);
    vi.setSystemTime(NOW + 29_000);
    const again = await t.tokens.refreshToken(old.refresh);
    expect(again!.toJSON()).toEqual(first!.toJSON());
  });

  it('takes the old refresh token for reuse after that, however many refreshes later', async () => {
    const first = await t.tokens.refreshToken(old.refresh);
    const second = await t.tokens.refreshToken(first!.refreshToken!);
    const third = await t.tokens.refreshToken(second!.refreshToken!);
    vi.setSystemTime(NOW + MINUTE);

    expect(await t.tokens.refreshToken(old.refresh)).toBeNull();
    expect(await t.tokens.verifyToken(third!.accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(third!.refreshToken!)).toBeNull();
  });

  it('happens once, of fifty at once, and all get its pair', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => t.tokens.refreshToken(old.refresh)));
    expect(new Set(answers.map((answer) => answer!.accessToken)).size).toBe(1);
    expect(await t.tokens.verifyToken(answers[0]!.accessToken)).not.toBeNull();
    const [row] = await t.rows();
    expect(Number(row!.rotated_at)).toBe(NOW);
  });

  it('leaves no digest in the row that the old refresh token gives without the key', async () => {
    const before = await t.rows();
    await t.tokens.refreshToken(old.refresh);
    const [row] = await t.rows();
    const kept = Object.values(row!).filter((value) => value === before[0]!.refresh_token_hash);
    expect(kept).toHaveLength(options?.hashSecrets || algorithm ? 0 : 1);
  });
});

describe('an imported session that slides', () => {
  it('keeps its token and moves on by its own lifetime', async () => {
    await start({ acceptLegacyTokens: drfAuthentifyTokens, autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' });
    const { Sliding } = await import('../../lib/sessions/sliding.js');
    const old = await drf.login(ada.id, LIVE);
    await runImport();

    const slider = t.app.get(Sliding);
    const session = await t.tokens.verifyToken(old.access);
    const due = slider.due(session!);
    expect(await slider.slide(session!, old.access, due!)).toMatchObject({ expiresAt: new Date(NOW + HOUR) });
    expect(await t.tokens.verifyToken(old.access)).toMatchObject({ expiresAt: new Date(NOW + HOUR) });
  });
});

describe('the import', () => {
  it('brings over what can still be used and belongs to somebody, and nothing else', async () => {
    await start();
    const good = await Promise.all([
      drf.login(ada.id, LIVE),
      drf.login(ada.id, { ...LIVE, authType: 'cookie' }),
      drf.login(ada.id, { ...LIVE, algorithm: 'sha512' }),
    ]);
    await drf.login(ada.id, { ...LIVE, revokedAt: NOW - 1 });
    await drf.login(ada.id, { ...LIVE, expiresAt: NOW - 1, refreshUntil: NOW - 1 });
    await drf.login(ada.id, { ...LIVE, expiresAt: NOW - 1, withRefreshToken: false });
    await drf.login(ada.id, { ...LIVE, algorithm: 'md5' });
    await drf.login(ada.id, { ...LIVE, authType: 'query' });
    await drf.login(ada.id + 1, LIVE);
    const refreshable = await drf.login(ada.id, { ...LIVE, expiresAt: NOW - 1 });
    await runImport();

    expect(await t.rows()).toHaveLength(good.length + 1);
    expect(await t.tokens.verifyToken(refreshable.access)).toBeNull();
    expect(await t.tokens.refreshToken(refreshable.refresh)).not.toBeNull();
  });

  it('gives a session without a usable refresh token none, rather than one that cannot be exchanged', async () => {
    await start();
    const without = await drf.login(ada.id, { ...LIVE, withRefreshToken: false });
    const shorter = await drf.login(ada.id, { ...LIVE, refreshUntil: LIVE.expiresAt });
    await runImport();
    for (const old of [without, shorter]) {
      expect(await t.tokens.verifyToken(old.access)).toMatchObject({ refreshUntil: null });
      expect(await t.tokens.refreshToken(old.refresh)).toBeNull();
    }
  });

  it('fixes the absolute end at login, and leaves out what is past it', async () => {
    await start({ acceptLegacyTokens: drfAuthentifyTokens, tokenTtl: '1h', sessionMaxTtl: '3h' });
    const old = await drf.login(ada.id, LIVE);
    await drf.login(ada.id, { ...LIVE, createdAt: NOW - 3 * HOUR });
    await runImport({ sessionMaxTtl: '3h' });

    const end = new Date(LIVE.createdAt + 3 * HOUR);
    expect(await t.rows()).toHaveLength(1);
    expect(await t.tokens.verifyToken(old.access)).toMatchObject({ sessionExpiresAt: end, refreshUntil: end });
    const next = await t.tokens.refreshToken(old.refresh);
    expect(next!.token.refreshUntil).toEqual(end);
  });

  it('reads batch after batch, says how far it is, and leaves the source as it was', async () => {
    await start();
    for (let count = 0; count < 501; count += 1)
      await drf.login(ada.id, { ...LIVE, createdAt: LIVE.createdAt + count });
    const before = await drf.rows();
    const told: string[] = [];
    vi.spyOn(t.dataSource.logger, 'logMigration').mockImplementation((message) => void told.push(message));
    await runImport();

    expect(told).toEqual([
      'drf-authentify: 500 of 501 sessions read',
      'drf-authentify: 501 of 501 sessions read',
      'drf-authentify: 501 sessions imported, 0 of no use or there already',
    ]);
    expect(await drf.rows()).toEqual(before);
    expect(await t.rows()).toHaveLength(501);
  });

  it('changes nothing the second time, also where a session was refreshed meanwhile', async () => {
    await start();
    const old = await drf.login(ada.id, LIVE);
    await drf.login(ada.id, LIVE);
    await runImport();
    const next = await t.tokens.refreshToken(old.refresh);
    const before = await t.rows();

    await runImport();
    expect(await t.rows()).toEqual(before);
    expect(await t.tokens.verifyToken(old.access)).toBeNull();
    expect(await t.tokens.verifyToken(next!.accessToken)).not.toBeNull();
  });

  it('says which table it misses', async () => {
    await start();
    await expect(runImport({ sourceTable: 'nowhere' })).rejects.toThrow('finds no table "nowhere"');
  });
});
