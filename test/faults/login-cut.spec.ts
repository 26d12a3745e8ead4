import type { AuthentifyOptions, IssuedTokens } from 'nestjs-authentify';
import { afterEach, describe, expect, it } from 'vitest';
import { DATABASE } from '../support/database.js';
import { User } from '../support/users.js';
import { type FaultyApp, IS_SERVER, outcomeOf, patiently, startBehindProxy } from './faults.js';
import { type Moment, MOMENTS, type Reception, type Trap } from './proxy.js';

const READ = /SELECT .*auth_tokens/s;
const INSERT = /INSERT INTO .*auth_tokens/s;
const END = /(UPDATE|DELETE FROM) .*auth_tokens/s;

/** The statements of a login that has to make room, in their order. */
const STATEMENTS: Record<string, Omit<Trap, 'moment'>> = {
  'the newest id': { statement: READ, nth: 1 },
  'the new row': { statement: INSERT },
  'the surplus': { statement: READ, nth: 2 },
  'the ending': { statement: END },
};
type Step = keyof typeof STATEMENTS;
const CUTS = Object.keys(STATEMENTS).flatMap((step) => MOMENTS.map((moment): [Step, Moment] => [step, moment]));

const LIMITS: [name: string, limit: AuthentifyOptions<User>, sessions: number][] = [
  ['enforceSingleLogin', { enforceSingleLogin: true }, 1],
  ['maxSessionsPerUser', { maxSessionsPerUser: 2 }, 2],
];

describe.skipIf(!IS_SERVER).each(LIMITS)('a login with %s whose connection is cut', (_name, limit, sessions) => {
  let t: FaultyApp;
  const start = async (keepExpiredTokens: boolean): Promise<{ user: User; older: IssuedTokens[] }> => {
    t = await startBehindProxy({ options: { ...limit, keepExpiredTokens } });
    const user = await t.createUser();
    const older: IssuedTokens[] = [];
    for (let login = 0; login < sessions; login += 1) older.push(await t.tokens.generateHeaderToken(user));
    return { user, older };
  };
  afterEach(() => t.close());

  const liveRows = async () =>
    (await t.inspect<{ id: string }>(`SELECT id FROM ${t.table} WHERE revoked_at IS NULL ORDER BY id`)).map(
      ({ id }) => id,
    );
  /** Lets the database itself refuse to end one session, and say so. */
  const refuseToEnd = async (id: string, statement: string): Promise<void> => {
    if (DATABASE === 'mariadb') {
      await t.inspect(
        `CREATE TRIGGER refusal BEFORE ${statement} ON ${t.table} FOR EACH ROW ` +
          `IF OLD.id = '${id}' THEN SIGNAL SQLSTATE '45000'; END IF`,
      );
      return;
    }
    const refusal = t.table.replace(/"auth_tokens"$/, 'refusal');
    await t.inspect(
      `CREATE FUNCTION ${refusal}() RETURNS trigger AS $$ BEGIN RAISE 'no'; END $$ LANGUAGE plpgsql; ` +
        `CREATE TRIGGER refusal BEFORE ${statement} ON ${t.table} FOR EACH ROW ` +
        `WHEN (OLD.id = '${id}') EXECUTE FUNCTION ${refusal}()`,
    );
  };
  const login = (user: User) => t.tokens.generateCookieToken(user);
  const isLive = async ({ accessToken }: IssuedTokens) =>
    (await patiently(() => t.tokens.verifyToken(accessToken))) !== null;

  it.each(['open', 'refused'] satisfies Reception[])(
    'R35, R46: at every statement, is a live pair or 503 with the older sessions alive, with new connections %s',
    async (reception) => {
      const keepExpiredTokens = reception === 'open';
      const { user } = await start(keepExpiredTokens);
      for (const [step, moment] of CUTS) {
        const message = `${step}, ${moment}`;
        await t.inspect(`DELETE FROM ${t.table}`);
        const older: IssuedTokens[] = [];
        for (let count = 0; count < sessions; count += 1) older.push(await patiently(() => login(user)));
        const olderIds = new Set(older.map(({ token }) => token.id));

        const struck = t.proxy.cutAt({ ...STATEMENTS[step]!, moment }, reception);
        const during = await outcomeOf(login(user));
        await struck;
        const left = await liveRows();
        await t.proxy.restore();

        const isSecondStep = step === 'the surplus' || step === 'the ending';
        const added = left.filter((id) => !olderIds.has(id));
        expect(added.length, message).toBeLessThanOrEqual(1);
        if (isSecondStep && reception === 'open') expect(during, message).not.toBe('503');
        if (!isSecondStep && moment !== 'after its answer') expect(during, message).toBe('503');
        if (during !== '503') {
          expect(added, message).toEqual([during.token.id]);
          expect(await isLive(during), message).toBe(true);
          // Of an ending that was never answered nothing is known: the login stands, and the next one makes room.
          const isUnknown = isSecondStep && reception === 'refused';
          expect(left.length, message).toBeLessThanOrEqual(isUnknown ? sessions + 1 : sessions);
        } else {
          for (const session of older) expect(await isLive(session), message).toBe(true);
        }

        // The next login needs no restart, and leaves exactly as many sessions as allowed, its own among them.
        const next = await patiently(() => login(user));
        expect(await isLive(next), message).toBe(true);
        expect((await liveRows()).length, message).toBeLessThanOrEqual(sessions);
      }
    },
  );

  it.each([true, false])(
    'R46: a login whose ending got no answer, three times over, has made room (keepExpiredTokens: %s)',
    async (keepExpiredTokens) => {
      const { user, older } = await start(keepExpiredTokens);
      t.events();
      const struck = ['before it arrives', 'before its answer', 'before it arrives'].map((moment) =>
        t.proxy.cutAt({ statement: END, moment: moment as Moment }),
      );
      const during = await outcomeOf(login(user));
      await Promise.all(struck.slice(0, 2));
      expect(during).not.toBe('503');
      if (during === '503') return;
      expect(await liveRows()).toEqual([...older.slice(1).map(({ token }) => token.id), during.token.id]);
      expect(await isLive(during)).toBe(true);
      expect(await isLive(older[0]!)).toBe(false);
      expect(t.events().filter((type) => type === 'revoked')).toHaveLength(1);
    },
  );

  it.each([true, false])(
    'R46: 503 where the surplus cannot be ended; the own row is ended, the older sessions live (keepExpiredTokens: %s)',
    async (keepExpiredTokens) => {
      const { user, older } = await start(keepExpiredTokens);
      await refuseToEnd(older[0]!.token.id, keepExpiredTokens ? 'UPDATE' : 'DELETE');
      expect(await outcomeOf(login(user))).toBe('503');

      expect(await liveRows()).toEqual(older.map(({ token }) => token.id));
      for (const session of older) expect(await isLive(session)).toBe(true);
      const ended = await t.inspect(`SELECT revoked_reason FROM ${t.table} WHERE revoked_at IS NOT NULL`);
      expect(ended).toEqual(keepExpiredTokens ? [{ revoked_reason: 'revoked' }] : []);
    },
  );

  it('R46: of 10 concurrent logins caught in the middle, each is a pair or 503, and the next one makes room', async () => {
    const { user } = await start(true);
    const struck = t.proxy.cutAt({ statement: END, moment: 'before its answer', nth: 2 }, 'reset');
    const during = await Promise.all(Array.from({ length: 10 }, () => outcomeOf(login(user))));
    await struck;
    await t.proxy.restore();

    const next = await patiently(() => login(user));
    expect(await liveRows()).toHaveLength(sessions);
    expect(await isLive(next)).toBe(true);
    for (const issued of during) if (issued !== '503' && sessions === 1) expect(await isLive(issued)).toBe(false);
  });

  it('naively, ending the others before the own row is there leaves nobody logged in', async () => {
    const { user, older } = await start(true);
    const struck = t.proxy.cutAt({ statement: INSERT, moment: 'before it arrives' });
    const naive = async (): Promise<void> => {
      await t.tokens.revokeAllUserTokens(user);
      await login(user);
    };
    expect(await outcomeOf(naive())).toBe('503');
    await struck;
    expect(await liveRows()).toEqual([]);
    for (const session of older) expect(await isLive(session)).toBe(false);
  });
});
