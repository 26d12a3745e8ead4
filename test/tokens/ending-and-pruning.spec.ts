import type { AuthentifyOptions } from 'nestjs-authentify';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('ending and pruning sessions', () => {
  let t: TestApp;
  const start = async (options: AuthentifyOptions<User> = {}): Promise<void> => {
    t = await startApp({ options: { tokenTtl: '1h', refreshTokenTtl: '1d', ...options } as never });
  };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  });
  afterEach(() => t.close());

  it('R49: ends a session by its token, whichever generation is held', async () => {
    await start();
    const first = await t.tokens.generateHeaderToken(await t.createUser());
    const second = await t.tokens.refreshToken(first.refreshToken!);

    expect(await t.tokens.revokeToken(first.token)).toBe(1);
    expect(await t.tokens.revokeToken(first.token)).toBe(0);
    expect(await t.tokens.verifyToken(second!.accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(second!.refreshToken!)).toBeNull();
    expect(await t.rows()).toEqual([]);
  });

  it('ends all sessions of a user, or all but the current one', async () => {
    await start();
    const [user, neighbour] = [await t.createUser(), await t.createUser()];
    const [current] = await Promise.all([1, 2, 3].map(() => t.tokens.generateHeaderToken(user)));
    const other = await t.tokens.generateHeaderToken(neighbour);

    expect(await t.tokens.revokeAllUserTokens(user, { except: current!.token })).toBe(2);
    expect((await t.tokens.listUserTokens(user)).map(({ id }) => id)).toEqual([current!.token.id]);
    expect(await t.tokens.revokeAllUserTokens(user.id)).toBe(1);
    expect(await t.tokens.revokeAllUserTokens(user)).toBe(0);
    expect(await t.tokens.verifyToken(other.accessToken)).not.toBeNull();
  });

  it('refuses what is no token with a TypeError, before any SQL', async () => {
    await start();
    const user = await t.createUser();
    const statements = await t.statements.during(async () => {
      for (const token of [null, undefined, {}, { id: '' }, 'id', { id: 7 }]) {
        await expect(t.tokens.revokeToken(token as never)).rejects.toThrow(TypeError);
      }
      await expect(t.tokens.revokeAllUserTokens(user, { except: null as never })).rejects.toThrow(TypeError);
    });
    expect(statements).toEqual([]);
  });

  it('R50: ends by public id the user’s own sessions only; unknown, foreign and malformed ids give 0', async () => {
    await start();
    const [user, neighbour] = [await t.createUser(), await t.createUser()];
    const mine = await t.tokens.generateHeaderToken(user);
    const other = await t.tokens.generateHeaderToken(neighbour);

    for (const id of [other.token.id, '01936d3e-0000-7000-8000-000000000000', '', "' OR 1=1 --", '\0', undefined, {}]) {
      expect(await t.tokens.revokeUserToken(user, id as never)).toBe(0);
    }
    expect(await t.tokens.revokeUserToken(user, mine.token.id)).toBe(1);
    expect(await t.tokens.revokeUserToken(user, mine.token.id)).toBe(0);
    expect(await t.tokens.verifyToken(other.accessToken)).not.toBeNull();
  });

  it('lists the sessions that access or refresh can still use, newest first', async () => {
    await start();
    const user = await t.createUser();
    const login = (at: number, options = {}) => {
      vi.setSystemTime(NOW + at);
      return t.tokens.generateHeaderToken(user, options);
    };
    const refreshable = await login(0);
    await login(MINUTE, { refreshExpiresIn: null });
    const endless = await login(2 * MINUTE, { accessExpiresIn: null, refreshExpiresIn: null });
    const revoked = await login(3 * MINUTE);
    await t.tokens.revokeToken(revoked.token);
    const newest = await login(2 * HOUR);

    const listed = await t.tokens.listUserTokens(user);
    expect(listed.map(({ id }) => id)).toEqual([newest, endless, refreshable].map(({ token }) => token.id));
  });

  it('R52: prunes only what can never be used again', async () => {
    await start();
    const user = await t.createUser();
    const refreshable = await t.tokens.generateHeaderToken(user);
    await t.tokens.generateHeaderToken(user, { refreshExpiresIn: null });
    await t.tokens.generateHeaderToken(user, { accessExpiresIn: null, refreshExpiresIn: null });

    vi.setSystemTime(NOW + HOUR - 1);
    expect(await t.tokens.revokeExpiredTokens()).toBe(0);
    vi.setSystemTime(NOW + HOUR);
    expect(await t.tokens.revokeExpiredTokens()).toBe(1);
    expect(await t.tokens.refreshToken(refreshable.refreshToken!)).not.toBeNull();
    vi.setSystemTime(NOW + 400 * DAY);
    expect(await t.tokens.revokeExpiredTokens()).toBe(1);
    expect(await t.rows()).toHaveLength(1);
  });

  it("prunes one user's sessions by the same rule", async () => {
    await start();
    const [user, neighbour] = [await t.createUser(), await t.createUser()];
    await t.tokens.generateHeaderToken(user);
    await t.tokens.generateHeaderToken(neighbour);
    vi.setSystemTime(NOW + DAY);
    expect(await t.tokens.revokeAllExpiredUserTokens(user)).toBe(1);
    expect(await t.rows()).toHaveLength(1);
  });

  it('R52: prunes thousands in batches, on two instances at once, counting each row once', async () => {
    await start();
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    const [row] = await t.rows();
    await insertCopies(t, row!, 2_500);
    vi.setSystemTime(NOW + DAY);

    const counts = await Promise.all([t.tokens.revokeExpiredTokens(), t.tokens.revokeExpiredTokens()]);

    expect(counts[0]! + counts[1]!).toBe(2_501);
    expect(await t.rows()).toEqual([]);
    expect(token.id).toBeDefined();
  });

  it('keeps ended rows for the record, with their dates, the time and the reason', async () => {
    await start({ keepExpiredTokens: true });
    const user = await t.createUser();
    const login = () => t.tokens.generateHeaderToken(user);
    const [revoked, byId, reused, expired] = [await login(), await login(), await login(), await login()];
    await t.tokens.revokeToken(revoked.token);
    await t.tokens.revokeUserToken(user, byId.token.id);
    const second = await t.tokens.refreshToken(reused.refreshToken!);
    await t.tokens.refreshToken(second!.refreshToken!);
    vi.setSystemTime(NOW + MINUTE);
    await t.tokens.refreshToken(reused.refreshToken!);
    vi.setSystemTime(NOW + DAY);
    await t.tokens.revokeExpiredTokens();
    const last = await login();
    await t.tokens.revokeAllUserTokens(user);

    const rows = new Map((await t.rows()).map((row) => [row.id, row]));
    const of = (issued: typeof revoked) => rows.get(issued.token.id)!;
    expect(of(revoked)).toMatchObject({ revoked_reason: 'revoked', rotation_salt: null, prune_at: null });
    expect(Number(of(revoked).revoked_at)).toBe(NOW);
    expect(Number(of(revoked).refresh_until)).toBe(NOW + DAY);
    expect(of(byId).revoked_reason).toBe('revoked');
    expect(of(reused)).toMatchObject({ revoked_reason: 'reuse-detected' });
    expect(of(expired)).toMatchObject({ revoked_reason: 'expired' });
    expect(Number(of(expired).revoked_at)).toBe(NOW + DAY);
    expect(of(last).revoked_reason).toBe('revoked-all');
  });

  it('does not touch what was ended before', async () => {
    await start({ keepExpiredTokens: true });
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    await t.tokens.revokeToken(token);
    const before = await t.rows();
    vi.setSystemTime(NOW + 2 * DAY);

    expect(await t.tokens.revokeAllUserTokens(user)).toBe(0);
    expect(await t.tokens.revokeExpiredTokens()).toBe(0);
    expect(await t.rows()).toEqual(before);
  });

  it('deletes kept rows after the retention time', async () => {
    await start({ keepExpiredTokens: '90d' });
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    await t.tokens.revokeToken(token);

    vi.setSystemTime(NOW + 90 * DAY - 1);
    await t.tokens.revokeExpiredTokens();
    expect(await t.rows()).toHaveLength(1);
    vi.setSystemTime(NOW + 90 * DAY);
    await t.tokens.revokeExpiredTokens();
    expect(await t.rows()).toEqual([]);
  });

  it('wipes the salts of rotations whose grace period is long over', async () => {
    await start({ refreshGracePeriod: '30s' });
    const user = await t.createUser();
    const old = await t.tokens.generateHeaderToken(user);
    await t.tokens.refreshToken(old.refreshToken!);
    vi.setSystemTime(NOW + 89_999);
    const young = await t.tokens.generateHeaderToken(user);
    await t.tokens.refreshToken(young.refreshToken!);
    const salts = async () => Object.fromEntries((await t.rows()).map((row) => [row.id, row.rotation_salt]));

    await t.tokens.revokeExpiredTokens();
    expect((await salts())[old.token.id]).toMatch(/^[0-9a-f]{64}$/);
    vi.setSystemTime(NOW + 90_000);
    await t.tokens.revokeExpiredTokens();
    expect((await salts())[old.token.id]).toBeNull();
    expect((await salts())[young.token.id]).toMatch(/^[0-9a-f]{64}$/);
  });
});

/** Fills the table with copies of a row that differ in id and digests. */
async function insertCopies(t: TestApp, row: Record<string, unknown>, count: number): Promise<void> {
  const { id: _id, access_token_hash: _access, refresh_family_hash: _family, ...rest } = row;
  const rows = Array.from({ length: count }, (_, index) => ({
    ...rest,
    id: `copy-${index}`,
    access_token_hash: `access-${index}`,
    refresh_family_hash: `family-${index}`,
  }));
  const columns = Object.keys(rows[0]!);
  const table = t.dataSource.getMetadata(t.tokenEntity).tablePath;
  for (let start = 0; start < count; start += 50) {
    const batch = rows.slice(start, start + 50);
    const parameters = batch.flatMap((each) => columns.map((column) => (each as Record<string, unknown>)[column]));
    const values = batch.map(
      (_, at) => `(${columns.map((_name, index) => placeholder(t, at * columns.length + index)).join()})`,
    );
    await t.dataSource.query(`INSERT INTO ${table} (${columns.join()}) VALUES ${values.join()}`, parameters);
  }
}

function placeholder(t: TestApp, index: number): string {
  return t.dataSource.options.type === 'postgres' ? `$${index + 1}` : '?';
}
