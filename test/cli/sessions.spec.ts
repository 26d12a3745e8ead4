import { AbstractAuthToken } from 'nestjs-authentify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DATABASE } from '../support/database.js';
import type { User } from '../support/users.js';
import { CommandLine } from './command.js';

const HASH_SECRETS = ['a secret of the tests that is long enough'];
const HOUR = 3_600_000;

interface Pruned {
  pruned: number;
}

interface Listed {
  id: string;
  userId: number;
  state: string;
}

let cli: CommandLine;
let ada: User;

beforeAll(async () => {
  cli = await CommandLine.start({ options: { hashSecrets: HASH_SECRETS, keepExpiredTokens: true } });
  await cli.useOptions({
    hashSecrets: HASH_SECRETS,
    keepExpiredTokens: true,
    pruneSchedule: '0 * * * *',
    guardAllRoutes: true,
  });
});
afterAll(() => cli.stop());
beforeEach(async () => {
  ada = await cli.t.createUser();
});

const login = (user: User) => cli.t.tokens.generateHeaderToken(user);
const rowsOf = () => cli.t.dataSource.getRepository<AbstractAuthToken>(cli.t.tokenEntity);
/** Copies a row many times, with changes as they are in the database. */
async function insertCopies(id: string, count: number, changes: Record<string, unknown> = {}): Promise<void> {
  const [row] = await rowsOf().createQueryBuilder('token').select('token.*').where({ id }).getRawMany<object>();
  const copies = Array.from({ length: count }, (_, index) => ({
    ...row,
    id: `${id.slice(0, -12)}${String(index).padStart(12, '0')}`,
    access_token_hash: `access-${id}-${index}`,
    refresh_family_hash: `family-${id}-${index}`,
    ...changes,
  }));
  for (let start = 0; start < count; start += 500) await insertRaw(copies.slice(start, start + 500));
}
async function insertRaw(values: Record<string, unknown>[]): Promise<void> {
  const { metadata } = rowsOf();
  const byProperty = values.map((row) =>
    Object.fromEntries(metadata.columns.map(({ databaseName, propertyName }) => [propertyName, row[databaseName]])),
  );
  await rowsOf()
    .createQueryBuilder()
    .insert()
    .values(byProperty as never)
    .execute();
}
const past = new Date(Date.now() - HOUR);
/** Lets an access token run out. */
const leaveIdle = (id: string) => rowsOf().update({ id }, { expiresAt: past });
/** Lets a session run out. */
const expire = (id: string) => rowsOf().update({ id }, { expiresAt: past, refreshUntil: past, pruneAt: past });

describe('authentify issue', () => {
  it('prints the token, which the app accepts, and nothing else to stdout', async () => {
    const given = ['--user', String(ada.id), '--context', '{"device":"ci"}'];
    const { code, stdout, stderr } = await cli.spawn('issue', given);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^af_at_\w+\n$/);
    expect(stderr).not.toContain('af_at_');

    const session = await cli.t.tokens.verifyToken(stdout.trim(), 'header');
    expect(session).toMatchObject({ userId: ada.id, context: { device: 'ci' }, refreshUntil: null });
    expect(stderr).toContain(session!.id);
  });

  it('gives a whole pair as JSON, and a lifetime of its own', async () => {
    const issued = await cli.json<Record<string, string>>('issue', '--user', String(ada.id), '--expires-in', '5m');
    expect(Date.parse(issued.expiresAt!)).toBeLessThan(Date.now() + 6 * 60_000);
    expect(await cli.t.tokens.refreshToken(issued.refreshToken!)).not.toBeNull();
  });

  it('issues for cookies', async () => {
    const { stdout } = await cli.run('issue', '--user', String(ada.id), '--type', 'cookie');
    expect(await cli.t.tokens.verifyToken(stdout.trim(), 'cookie')).not.toBeNull();
  });

  it.each([
    ['somebody who is not there', ['--user', '999999'], 1],
    ['what is no key', ['--user', 'ada'], 2],
    ['a key with an exponent', ['--user', '1e0'], 2],
    ['a key that no number holds', ['--user', '9007199254740993'], 2],
    ['a context that is no JSON', ['--user', '1', '--context', '{device}'], 2],
    ['a lifetime without a unit', ['--user', '1', '--expires-in', '900'], 2],
    ['an unknown transport', ['--user', '1', '--type', 'query'], 2],
  ])('refuses %s', async (_, args, expected) => {
    const { code, stdout, stderr } = await cli.run('issue', ...args);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).not.toBe('');
  });
});

describe('authentify list', () => {
  it('shows a user’s sessions, newest first, in their states, page by page', async () => {
    const active = await login(ada);
    const idle = await login(ada);
    await leaveIdle(idle.token.id);
    const expired = await login(ada);
    await expire(expired.token.id);
    const ended = await login(ada);
    await cli.t.tokens.revokeToken(ended.token);
    await login(await cli.t.createUser());
    const user = ['--user', String(ada.id)];

    const all = await cli.json<Listed[]>('list', ...user);
    expect(all.map(({ id, state }) => [id, state])).toEqual([
      [ended.token.id, 'ended'],
      [expired.token.id, 'expired'],
      [idle.token.id, 'idle'],
      [active.token.id, 'active'],
    ]);
    const byState = await Promise.all(
      ['active', 'idle', 'expired', 'ended'].map((state) => cli.json<Listed[]>('list', ...user, '--state', state)),
    );
    const ids = byState.map((sessions) => sessions.map(({ id }) => id));
    expect(ids).toEqual([[active.token.id], [idle.token.id], [expired.token.id], [ended.token.id]]);
    const first = await cli.json<Listed[]>('list', ...user, '--limit', '2');
    const second = await cli.json<Listed[]>('list', ...user, '--limit', '2', '--after', first[1]!.id);
    expect([...first, ...second]).toEqual(all);
  });

  it.runIf(DATABASE === 'sqljs')('finds a rare state behind thousands of later sessions', async () => {
    const ended = await login(ada);
    await cli.t.tokens.revokeToken(ended.token);
    const { token } = await login(ada);
    await insertCopies(token.id, 5_000);
    const found = await cli.json<Listed[]>('list', '--user', String(ada.id), '--state', 'ended');
    expect(found.map(({ id }) => id)).toEqual([ended.token.id]);
    await rowsOf().delete({ user: { id: ada.id } as never });
  });

  it('R73: says what is no key of a user, and is no outage', async () => {
    for (const user of ['nouser', '1e0', '1.5']) {
      const { code, stderr } = await cli.run('list', '--user', user);
      expect([code, stderr]).toEqual([2, expect.stringContaining('primary key')]);
    }
  });

  it('prints a table without digests, contexts and whatever steers a terminal', async () => {
    await cli.t.tokens.generateHeaderToken(ada, { context: { device: 'x\u{1B}[2Jy' } });
    const { stdout } = await cli.run('list', '--user', String(ada.id));
    expect(stdout.split('\n')[0]).toMatch(/^ID +USER +TYPE +STATE/);
    expect(stdout).not.toMatch(/[0-9a-f]{64}/);
    expect(stdout).not.toContain('\u{1B}');
  });
});

describe('authentify revoke', () => {
  it('ends one session by its id, at once', async () => {
    const [one, other] = [await login(ada), await login(ada)];
    expect(await cli.run('revoke', '--id', one.token.id)).toEqual({ code: 0, stdout: 'Ended 1 session\n', stderr: '' });
    expect(await cli.t.tokens.verifyToken(one.accessToken)).toBeNull();
    expect(await cli.t.tokens.verifyToken(other.accessToken)).not.toBeNull();
    expect(await cli.json('revoke', '--id', one.token.id)).toEqual({ ended: 0 });
  });

  it('ends a session, and goes on after one, whose id is spelled in capitals or braces', async () => {
    const [one, other] = [await login(ada), await login(ada)];
    const after = ['--user', String(ada.id), '--limit', '1', '--after', other.token.id.toUpperCase()];
    expect(await cli.json<Listed[]>('list', ...after)).toMatchObject([{ id: one.token.id }]);
    expect(await cli.json('revoke', '--id', `{${one.token.id.toUpperCase()}}`)).toEqual({ ended: 1 });
    expect(await cli.t.tokens.verifyToken(one.accessToken)).toBeNull();
    expect((await cli.run('list', '--after', 'latest')).code).toBe(2);
  });

  it('ends all sessions of a user and keeps the record, as the app’s options say', async () => {
    await login(ada);
    await login(ada);
    const bystander = await login(await cli.t.createUser());
    expect(await cli.json('revoke', '--user', String(ada.id))).toEqual({ ended: 2 });
    expect(await cli.t.tokens.listUserTokens(ada)).toEqual([]);
    expect(await rowsOf().countBy({ revokedReason: 'revoked-all', user: { id: ada.id } as never })).toBe(2);
    expect(await cli.t.tokens.verifyToken(bystander.accessToken)).not.toBeNull();
  });

  it('wants to know whom or what, not both', async () => {
    expect((await cli.run('revoke')).code).toBe(2);
    expect((await cli.run('revoke', '--id', 'x', '--user', '1')).code).toBe(2);
  });
});

describe('authentify prune', () => {
  it('is safe beside another one: each row is ended once, and both say so', async () => {
    await cli.json('prune');
    const rows = rowsOf();
    const { token } = await login(ada);
    await insertCopies(token.id, 3_000, { prune_at: 1 });
    const outcomes = await Promise.all([cli.spawn('prune', ['--json']), cli.spawn('prune', ['--json'])]);
    const [one, other] = outcomes.map(({ stdout }) => (JSON.parse(stdout) as Pruned).pruned);
    expect(one! + other!).toBe(3_000);
    expect(await rows.countBy({ revokedReason: 'expired', user: { id: ada.id } as never })).toBe(3_000);
  });

  it('ends what can never be used again, by the app’s options, and nothing else', async () => {
    await cli.json('prune');
    const live = await login(ada);
    const expired = await login(ada);
    await expire(expired.token.id);

    expect(await cli.json('prune')).toEqual({ pruned: 1, seconds: expect.any(Number) });
    expect(await rowsOf().findOneByOrFail({ id: expired.token.id })).toMatchObject({ revokedReason: 'expired' });
    expect(await cli.t.tokens.verifyToken(live.accessToken)).not.toBeNull();
    expect((await cli.run('prune')).stdout).toMatch(/^Pruned 0 sessions in [\d.]+ s\n$/);
  });
});
