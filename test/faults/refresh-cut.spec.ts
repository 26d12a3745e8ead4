import type { IssuedTokens } from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TokenSecrets } from '../../lib/sessions/token-secrets.js';
import { type FaultyApp, IS_SERVER, outcomeOf, pairOf, patiently, startBehindProxy } from './faults.js';
import { type Moment, MOMENTS, type Reception } from './proxy.js';

const READ = /SELECT .*auth_tokens/s;
const WRITE = /UPDATE .*auth_tokens/s;

interface Cut {
  statement: RegExp;
  moment: Moment;
  /** Whether the rotation stands in the database afterwards; `undefined` where it depends on the pool's next connection. */
  committed: boolean | undefined;
}

const CUTS: [name: string, cut: Cut][] = [
  ...MOMENTS.map((moment): [string, Cut] => [
    `the look-up, ${moment}`,
    { statement: READ, moment, committed: moment === 'after its answer' ? undefined : false },
  ]),
  ...MOMENTS.map((moment): [string, Cut] => [
    `the rotation, ${moment}`,
    { statement: WRITE, moment, committed: moment !== 'before it arrives' },
  ]),
];
const AFTERWARDS: Reception[] = ['open', 'reset', 'refused'];

describe.skipIf(!IS_SERVER)('a refresh whose connection is cut', () => {
  let t: FaultyApp;
  beforeAll(async () => {
    t = await startBehindProxy({ options: { keepExpiredTokens: true } });
  });
  afterEach(() => t.proxy.restore());
  afterAll(() => t.close());

  const login = async (): Promise<IssuedTokens> => {
    await t.proxy.restore();
    const user = await t.createUser();
    const issued = await patiently(() => t.tokens.generateHeaderToken(user));
    t.events();
    return issued;
  };
  const rowsOf = ({ token }: IssuedTokens) =>
    t.inspect<{ revoked_at: unknown; rotated_at: unknown; refresh_token_hash: string }>(
      `SELECT * FROM ${t.table} WHERE user_id = ${token.userId}`,
    );
  const isLive = async (accessToken: string) => (await patiently(() => t.tokens.verifyToken(accessToken))) !== null;
  const retry = (refreshToken: string | null) => patiently(() => t.tokens.refreshToken(refreshToken!));

  describe.each(AFTERWARDS)('with new connections %s', (reception) => {
    it.each(CUTS)(
      'R35: at %s, is a pair or 503; one session lives, and the old token still leads to it',
      async (_, cut) => {
        const first = await login();
        const struck = t.proxy.cutAt(cut, reception);
        const during = await outcomeOf(t.tokens.refreshToken(first.refreshToken!));
        await struck;

        const [row, ...others] = await rowsOf(first);
        const isCommitted = row!.rotated_at !== null;
        expect(others).toEqual([]);
        expect(row!.revoked_at).toBeNull();
        if (cut.committed !== undefined) expect(isCommitted).toBe(cut.committed);
        if (cut.moment !== 'after its answer') expect(during).toBe('503');
        expect(during).not.toBeNull();
        expect(t.events()).toEqual(during === '503' ? [] : ['refreshed']);

        await t.proxy.restore();
        // Either the old pair is the session or its successor is, never both and never neither.
        expect(await isLive(first.accessToken)).toBe(!isCommitted);
        t.events();
        const retried = await retry(first.refreshToken);
        expect(t.events()).toEqual([isCommitted ? 'replayed' : 'refreshed']);
        if (during !== '503') expect(pairOf(retried)).toEqual(pairOf(during));
        expect([await isLive(first.accessToken), await isLive(retried!.accessToken)]).toEqual([false, true]);
        expect(await rowsOf(first)).toHaveLength(1);

        const next = await retry(retried!.refreshToken);
        expect(await isLive(next!.accessToken)).toBe(true);
      },
    );
  });

  it('R35: over and over at every statement, loses nothing and revokes nothing', async () => {
    let session = await login();
    for (let round = 0; round < 30; round += 1) {
      const [, cut] = CUTS[round % CUTS.length]!;
      const struck = t.proxy.cutAt(cut, AFTERWARDS[round % AFTERWARDS.length]);
      await outcomeOf(t.tokens.refreshToken(session.refreshToken!));
      await struck;
      await t.proxy.restore();
      const retried = await retry(session.refreshToken);
      expect(retried, `round ${round}`).not.toBeNull();
      session = retried!;
    }
    expect(await rowsOf(session)).toMatchObject([{ revoked_at: null }]);
    expect(t.events()).not.toContain('reuse-detected');
  });

  it('R35: of 20 clients caught in the middle, all retry into one session each', async () => {
    const sessions = await Promise.all(
      Array.from({ length: 20 }, async () => t.tokens.generateHeaderToken(await t.createUser())),
    );
    const struck = t.proxy.cutAt({ statement: WRITE, moment: 'before its answer', nth: 7 }, 'reset');
    const during = await Promise.all(
      sessions.map(({ refreshToken }) => outcomeOf(t.tokens.refreshToken(refreshToken!))),
    );
    await struck;
    await t.proxy.restore();
    expect(during).toContain('503');
    expect(during).not.toContain(null);

    const retried = await Promise.all(sessions.map(({ refreshToken }) => retry(refreshToken)));
    for (const [index, answer] of during.entries()) {
      if (answer !== '503') expect(pairOf(answer)).toEqual(pairOf(retried[index]!));
      expect(await isLive(retried[index]!.accessToken)).toBe(true);
      expect(await rowsOf(sessions[index]!)).toMatchObject([{ revoked_at: null }]);
    }
  });

  it('R35: two tabs with one token, one of them cut off, end with one pair', async () => {
    const { refreshToken, token } = await login();
    const stopped = t.proxy.stopAt({ statement: WRITE, moment: 'before its answer' });
    const cutOff = outcomeOf(t.tokens.refreshToken(refreshToken!));
    const stop = await stopped;
    const other = await t.tokens.refreshToken(refreshToken!);
    stop.cut();

    expect(await cutOff).toBe('503');
    expect(pairOf(await retry(refreshToken))).toEqual(pairOf(other));
    expect((await patiently(() => t.tokens.verifyToken(other!.accessToken)))?.id).toBe(token.id);
  });

  it('R37: a call whose statement arrives late sees who was faster, and answers with that pair', async () => {
    const { refreshToken } = await login();
    const stopped = t.proxy.stopAt({ statement: WRITE, moment: 'before it arrives' });
    const late = t.tokens.refreshToken(refreshToken!);
    const stop = await stopped;
    const winner = await t.tokens.refreshToken(refreshToken!);
    stop.resume();

    expect(pairOf(await late)).toEqual(pairOf(winner));
    expect(t.events()).toEqual(['refreshed', 'replayed']);
  });

  it('R35: naively, deleting the old row and inserting a new one loses the session in between', async () => {
    const first = await login();
    const rows = t.dataSource.getRepository(t.tokenEntity);
    const naive = async (): Promise<void> => {
      const [row] = await rows.findBy({ id: first.token.id });
      await rows.delete({ id: row!.id });
      await rows
        .createQueryBuilder()
        .insert()
        .values(row as never)
        .execute();
    };
    const struck = t.proxy.cutAt({ statement: /INSERT INTO .*auth_tokens/s, moment: 'before it arrives' });
    await expect(naive()).rejects.toThrow();
    await struck;
    await t.proxy.restore();
    expect(await rowsOf(first)).toEqual([]);
    expect(await retry(first.refreshToken)).toBeNull();
  });

  it('R35: naively, a random successor is lost with its answer, and the old token is dead', async () => {
    const first = await login();
    const secrets = t.app.get(TokenSecrets);
    const naive = async (): Promise<void> => {
      const { accessTokenHash, refreshTokenHash } = secrets.digestsOf(secrets.fresh(true));
      const changes = { accessTokenHash, refreshTokenHash, rotatedAt: new Date() };
      const previousRefreshTokenHash = secrets.digest(first.refreshToken!);
      await t.dataSource
        .getRepository(t.tokenEntity)
        .update({ id: first.token.id }, { ...changes, previousRefreshTokenHash } as never);
    };
    const struck = t.proxy.cutAt({ statement: WRITE, moment: 'before its answer' });
    await expect(naive()).rejects.toThrow();
    await struck;
    await t.proxy.restore();
    expect(await isLive(first.accessToken)).toBe(false);
    expect(await retry(first.refreshToken)).toBeNull();
  });
});
