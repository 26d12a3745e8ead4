import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearer, send } from '../requests/client.js';
import type { TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { DEPLOYMENTS } from '../support/deployments.js';
import type { User } from '../support/users.js';
import { type Pair, type PlainOptions, type ServerProcess, ServerProcesses } from './nodes.js';
import { pairOf } from './outcomes.js';
import { places, startAt } from './places.js';

const CLIENTS = 4;
/** How often each client refreshes while two steps run side by side. */
const ROUNDS = 2;
/** Isolation levels have nothing to do with it. */
const shared = places.slice(0, 1);

/** The step each process has deployed, one process after the other. */
const ROLLOUT: [number, number][] = [
  [0, 0],
  [1, 0],
  [1, 1],
  [1, 2],
  [2, 2],
  [3, 2],
  [3, 3],
];

/** Each step of each move is an app of its own in both processes. A slide with every request. */
const APPS: Record<string, PlainOptions> = Object.fromEntries(
  Object.entries(DEPLOYMENTS).flatMap(([name, steps]) =>
    steps.map((options, step) => [`${name} ${step}`, { ...options, autoRefreshInterval: 0 }]),
  ),
);

// On the embedded database `rolling-changes.spec.ts` shows the same with nodes in one process.
describe.skipIf(DATABASE === 'sqljs')('two server processes while one after the other gets new options', () => {
  let processes: ServerProcesses;
  beforeAll(async () => {
    processes = await ServerProcesses.compile();
  }, 120_000);

  describe.each(shared)('$name', (place) => {
    let t: TestApp;
    let nodes: [ServerProcess, ServerProcess];
    let user: User;

    beforeAll(async () => {
      t = await startAt(place);
      user = await t.createUser();
      nodes = await Promise.all([processes.start(t, place, APPS), processes.start(t, place, APPS)]);
    });
    afterAll(async () => {
      await processes.stop();
      await t?.close();
    });

    it.each(Object.keys(DEPLOYMENTS))('R79: nobody is logged out by a move %s', async (move) => {
      let deployed: [number, number] = [0, 0];
      /** What a process does in the app that it has deployed by now. */
      const at = (node: number) => ({
        do: <T = Pair>(action: string, argument: unknown) =>
          nodes[node]!.one<T>(`${move} ${deployed[node]}/${action}`, argument),
        use: async ({ accessToken }: Pair) =>
          (await send(`${nodes[node]!.urls[`${move} ${deployed[node]}`]}/me`, { headers: bearer(accessToken) })).status,
      });

      /** Everything a client does, each time on another process than before; what it does twice, on both at once. */
      const round = async (session: Pair, first: number): Promise<Pair> => {
        const [one, other] = [at(first), at(1 - first)];
        expect([await one.use(session), await other.use(session)]).toEqual([200, 200]);
        const tabs = await Promise.all([one, other].map((node) => node.do('refresh', session.refreshToken)));
        const retry = await other.do('refresh', session.refreshToken);
        expect([...tabs, retry].map(pairOf)).toEqual(Array.from({ length: 3 }, () => pairOf(retry)));
        expect(retry).not.toBeNull();
        const { id } = (await one.do('login', user.id))!;
        expect(await other.do<number>('revoke', id)).toBe(1);
        return retry!;
      };

      let sessions = await Promise.all(
        Array.from({ length: CLIENTS }, async (_, index) => (await at(index % 2).do('login', user.id))!),
      );
      const asleep = await at(0).do('login', user.id);
      for (const step of ROLLOUT) {
        // In the middle of what clients do: what is under way ends in the app it began in.
        const clients = sessions.map(async (session, client) => {
          for (let count = 0; count < ROUNDS; count += 1) session = await round(session, (client + count) % 2);
          return session;
        });
        await nodes[0].one('login', user.id);
        deployed = step;
        sessions = await Promise.all(clients);
        if (step[1] === 2 && step[0] === 2) {
          // The last moment for who was away all the time.
          expect(await at(1).use(asleep!)).toBe(200);
          sessions.push(await round(asleep!, 0));
        }
      }

      const happened = await Promise.all(nodes.map((node) => node.events()));
      const types = new Set(happened.flatMap((counts) => Object.keys(counts)));
      expect([...types].toSorted()).toEqual(['authenticated', 'issued', 'refreshed', 'replayed', 'revoked', 'slid']);
    });
  });
});
