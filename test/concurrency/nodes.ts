import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AuthentifyOptions } from 'nestjs-authentify';
import type { TestApp } from '../support/app.js';
import { type CompiledLibrary, compileLibrary } from '../support/compiled.js';
import { DATABASE } from '../support/database.js';
import type { User } from '../support/users.js';
import { tally } from './outcomes.js';
import type { Place } from './places.js';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));

/** A pair as it comes through the channel. */
export interface Pair {
  accessToken: string;
  refreshToken: string;
  id: string;
}

/** A process's own time: off by so much, or standing still. */
export interface Clock {
  offset?: number;
  frozenAt?: number;
}

/** Options that can be sent to another process. */
export type PlainOptions = Omit<AuthentifyOptions<User>, 'isUserActive' | 'postAuthHandler' | 'postAutoRefreshHandler'>;

/** What to do, and in which of the process's apps: `login`, or `single/login`. */
export type Action = string;

/** A server process on the database of an app in this one. */
export interface ServerProcess {
  /** Where its app of that name listens. */
  urls: Record<string, string>;
  /** Does one thing, `count` times at once; a failure that is no 503 is thrown. */
  all<T = Pair>(count: number, action: Action, argument?: unknown): Promise<(T | '503' | null)[]>;
  /** Does one thing once, and must get an answer that is no 503. */
  one<T = Pair>(action: Action, argument?: unknown): Promise<T | null>;
  /** Events since the last look. */
  events(): Promise<Record<string, number>>;
}

/** Compiles the library as it would be published, and starts processes that run it. */
export class ServerProcesses {
  private readonly processes = new Set<ChildProcess>();

  private constructor(private readonly build: CompiledLibrary) {}

  static async compile(): Promise<ServerProcesses> {
    return new ServerProcesses(await compileLibrary());
  }

  /** @param apps the options of each app it runs; the first is meant where an action names none. */
  async start(t: TestApp, place: Place, apps: Record<string, PlainOptions>): Promise<ServerProcess> {
    const settings = JSON.stringify({ library: this.build.url, dataSource: reach(t, place), apps });
    const node = fork(WORKER, [settings], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    this.processes.add(node);
    const died = once(node, 'exit').then((): never => {
      throw new Error('The server process did not start');
    });
    const [{ ports }] = (await Promise.race([once(node, 'message'), died])) as [{ ports: Record<string, number> }];
    died.catch(() => {});
    node.setMaxListeners(100);

    let calls = 0;
    const all = async <T>(count: number, action: Action, argument?: unknown): Promise<(T | '503' | null)[]> => {
      calls += 1;
      const call = calls;
      const answered = new Promise<{ value?: T | '503' | null; error?: string }[]>((resolve, reject) => {
        const gone = () => reject(new Error('The server process ended'));
        const listen = (answer: { call: number; outcomes: { value?: T; error?: string }[] }): void => {
          if (answer.call !== call) return;
          node.off('message', listen as never);
          node.off('exit', gone);
          resolve(answer.outcomes);
        };
        node.on('message', listen as never);
        node.once('exit', gone);
      });
      const [app, verb] = action.includes('/') ? action.split('/') : [Object.keys(apps)[0], action];
      node.send({ call, app, action: verb, argument, times: count });
      return (await answered).map(({ value, error }) => {
        if (error !== undefined) throw new Error(error);
        return value ?? null;
      });
    };
    return {
      urls: Object.fromEntries(Object.entries(ports).map(([app, port]) => [app, `http://127.0.0.1:${port}`])),
      all,
      one: async <T>(action: Action, argument?: unknown) => {
        const [outcome] = await all<T>(1, action, argument);
        if (outcome === '503') throw new Error(`${action}: 503`);
        return outcome ?? null;
      },
      events: async () => {
        const [types] = await all<string[]>(1, 'events');
        return tally(types as string[]);
      },
    };
  }

  /** Ends every process, and waits for it. */
  async stop(): Promise<void> {
    await Promise.all(
      [...this.processes].map(async (node) => {
        if (node.exitCode !== null || node.signalCode !== null) return;
        const gone = once(node, 'exit');
        node.disconnect();
        await gone;
      }),
    );
    this.processes.clear();
  }
}

/** The connection of an app in a form that another process can be given. */
function reach(t: TestApp, { pool, file, snapshotIsolation }: Place): object {
  const { logger: _logger, driver: _driver, ...options } = t.dataSource.options as unknown as Record<string, unknown>;
  return {
    ...options,
    entities: [],
    synchronize: false,
    logging: false,
    file,
    pool,
    ...(DATABASE === 'mariadb' && { sessionSql: `SET SESSION innodb_snapshot_isolation = ${snapshotIsolation}` }),
  };
}
