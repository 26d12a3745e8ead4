import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AuthentifyOptions, IssuedTokens } from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { type CompiledLibrary, compileLibrary } from '../support/compiled.js';
import type { User } from '../support/users.js';
import { directOptions, eventsOf, IS_SERVER } from './faults.js';
import { DatabaseProxy, type Moment, type Stop, type Trap } from './proxy.js';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
const READ = /SELECT .*auth_tokens.* IN \(/s;
const INSERT = /INSERT INTO .*auth_tokens/s;
const WRITE = /UPDATE .*auth_tokens/s;
const END = /(UPDATE|DELETE FROM) .*auth_tokens/s;

interface Pair {
  accessToken: string;
  refreshToken: string;
}

/** What becomes of a statement whose sender died: it never arrives, or it does and nobody hears the answer. */
const FATES = ['lost', 'delivered'] as const;

describe.skipIf(!IS_SERVER)('a process killed with -9', () => {
  let build: CompiledLibrary;
  let proxy: DatabaseProxy;
  let t: TestApp;
  let user: User;
  const workers = new Set<ChildProcess>();

  beforeAll(async () => {
    build = await compileLibrary();
    proxy = await DatabaseProxy.start();
  });
  afterAll(() => proxy.close());

  const start = async (options: AuthentifyOptions<User> = {}): Promise<void> => {
    t = await startApp({ options: options as object });
    user = await t.createUser();
  };
  beforeEach(() => proxy.restore());
  afterEach(async () => {
    for (const worker of workers) await kill(worker);
    await t.close();
  });

  /** Starts a worker at its work; `answers` collects what its client got. */
  async function startWorker(work: string, options: object, refreshToken?: string | null) {
    const worker = fork(WORKER, { stdio: 'inherit', execArgv: [] });
    workers.add(worker);
    await once(worker, 'message');
    const answers: Pair[] = [];
    worker.on('message', (answer) => answers.push(answer as Pair));
    const database = { ...directOptions(t.dataSource), port: proxy.port };
    worker.send({ library: build.url, database, options, work, user: user.id, refreshToken });
    return { worker, answers };
  }

  async function kill(worker: ChildProcess): Promise<void> {
    workers.delete(worker);
    if (worker.exitCode !== null || worker.signalCode !== null) return;
    // The channel's end comes after the last answer that was in it.
    const ended = Promise.all([once(worker, 'exit'), once(worker, 'disconnect')]);
    worker.kill('SIGKILL');
    await ended;
  }

  /** Kills a worker at a statement; its client keeps what it was told before. */
  async function killAt(trap: Trap, fate: (typeof FATES)[number], work: string, options: object, first?: IssuedTokens) {
    const stopped = proxy.stopAt(trap);
    const { worker, answers } = await startWorker(work, options, first?.refreshToken);
    const died = once(worker, 'exit').then((): never => {
      throw new Error('The worker ended by itself');
    });
    const stop: Stop = await Promise.race([stopped, died]);
    died.catch(() => {});
    await kill(worker);
    if (fate === 'delivered') await stop.deliver();
    else stop.cut();
    return answers;
  }

  const isLive = async (accessToken: string) => (await t.tokens.verifyToken(accessToken)) !== null;

  const DEATHS: [name: string, trap: Trap, fate: (typeof FATES)[number], committed: boolean][] = [
    ['look-up lost', { statement: READ, moment: 'before it arrives', nth: 3 }, 'lost', false],
    ['look-up answered', { statement: READ, moment: 'after its answer', nth: 3 }, 'lost', false],
    ['rotation lost', { statement: WRITE, moment: 'before it arrives', nth: 3 }, 'lost', false],
    ['rotation delivered', { statement: WRITE, moment: 'before it arrives', nth: 3 }, 'delivered', true],
    ['rotation unanswered', { statement: WRITE, moment: 'before its answer', nth: 3 }, 'lost', true],
  ];

  it.each(DEATHS)(
    'R35: in the middle of a refresh (%s), leaves the old token or the new pair, in one row',
    async (_name, trap, fate, committed) => {
      await start();
      const events = eventsOf(t);
      const first = await t.tokens.generateHeaderToken(user);
      const answers = await killAt(trap, fate, 'refresh', {}, first);
      expect(answers).toHaveLength(2);
      const held = answers.at(-1)!;

      expect(await isLive(held.accessToken)).toBe(!committed);
      events();
      const retried = await t.tokens.refreshToken(held.refreshToken);
      expect(events()).toEqual([committed ? 'replayed' : 'refreshed']);
      expect([await isLive(held.accessToken), await isLive(retried!.accessToken)]).toEqual([false, true]);
      expect(await t.rows()).toMatchObject([{ id: first.token.id, revoked_at: null }]);
      expect(await t.tokens.refreshToken(retried!.refreshToken!)).not.toBeNull();
    },
  );

  it('R35: three times in a row at any moment, loses nothing', async () => {
    await start();
    let session: Pair = (await t.tokens.generateHeaderToken(user)) as Pair;
    for (const nth of [2, 5, 7]) {
      const stopped = proxy.stopAt({ statement: nth % 2 === 0 ? READ : WRITE, moment: 'before it arrives', nth });
      const { worker, answers } = await startWorker('refresh', {}, session.refreshToken);
      const stop = await stopped;
      // The client hears nothing of a statement that goes on while the process is being killed.
      stop.resume();
      await kill(worker);
      const held = answers.at(-1) ?? session;
      const retried = await t.tokens.refreshToken(held.refreshToken);
      expect(retried, `killed at statement ${nth}`).not.toBeNull();
      expect(await isLive(retried!.accessToken)).toBe(true);
      session = retried as Pair;
    }
    expect(await t.rows()).toMatchObject([{ revoked_at: null }]);
  });

  const LOGIN_DEATHS: [name: string, statement: RegExp, nth: number, moment: Moment, fate: (typeof FATES)[number]][] = [
    ['new row lost', INSERT, 1, 'before it arrives', 'lost'],
    ['new row delivered', INSERT, 1, 'before it arrives', 'delivered'],
    ['new row answered', INSERT, 1, 'after its answer', 'lost'],
    ['ending lost', END, 1, 'before it arrives', 'lost'],
  ];

  it.each(LOGIN_DEATHS)(
    'R35, R45: in the middle of a single login (%s), leaves the older session; the next login is the only one',
    async (name, statement, nth, moment, fate) => {
      await start({ enforceSingleLogin: true });
      const older = await t.tokens.generateHeaderToken(user);
      const answers = await killAt({ statement, nth, moment }, fate, 'login', { enforceSingleLogin: true });
      expect(answers).toEqual([]);

      expect(await isLive(older.accessToken)).toBe(true);
      // A row whose tokens nobody holds may be left; it can do no harm and goes with the next login.
      expect(await t.rows()).toHaveLength(name === 'new row lost' ? 1 : 2);
      const next = await t.tokens.generateHeaderToken(user);
      expect((await t.rows()).map(({ id }) => id)).toEqual([next.token.id]);
      expect(await isLive(next.accessToken)).toBe(true);
    },
  );

  it('R35: naively, between deleting the old row and inserting the new one, loses the session', async () => {
    await start();
    const first = await t.tokens.generateHeaderToken(user);
    const trap: Trap = { statement: INSERT, moment: 'before it arrives' };
    await killAt(trap, 'lost', 'deleteAndInsert', {}, first);
    expect(await t.rows()).toEqual([]);
    expect(await t.tokens.refreshToken(first.refreshToken!)).toBeNull();
  });
});
