import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { GuardedController } from '../requests/controllers.js';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';

const RUNS = 5;
const ROUNDS = 120;
const WARM_UP = 60;

/**
 * How often one of these durations exceeds one of the others, by Mann and Whitney: 0.5 where nothing tells them
 * apart, 0 or 1 where every single one does.
 */
function excess(these: number[], others: number[]): number {
  const sorted = others.toSorted((one, other) => one - other);
  let wins = 0;
  for (const duration of these) {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < duration) low = middle + 1;
      else high = middle;
    }
    wins += low;
  }
  return wins / (these.length * others.length);
}

const median = (values: number[]): number => values.toSorted((one, other) => one - other)[values.length >> 1]!;

// sql.js answers within the process and in no time: what is left to measure there is how long TypeORM takes to make an
// entity, which no database of a running service would let show.
describe.runIf(DATABASE !== 'sqljs')('how long a refusal takes', () => {
  let t: TestApp;
  let headers: Record<string, Record<string, string>>;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  beforeAll(async () => {
    t = await startApp({ controllers: [GuardedController], options: { keepExpiredTokens: true } });
    const [active, inactive] = [await t.createUser(), await t.createUser({ isActive: false })];
    const unknown = await t.tokens.generateHeaderToken(active);
    await t.dataSource.getRepository(t.tokenEntity).delete({ id: unknown.token.id });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
    const expired = await t.tokens.generateHeaderToken(active, { accessExpiresIn: 1 });
    vi.useRealTimers();
    const revoked = await t.tokens.generateHeaderToken(active);
    await t.tokens.revokeToken(revoked.token);
    const issued = {
      unknown,
      expired,
      revoked,
      'of the other transport': await t.tokens.generateCookieToken(active),
      'of an inactive user': await t.tokens.generateHeaderToken(inactive),
    };
    headers = Object.fromEntries(
      Object.entries(issued).map(([name, { accessToken }]) => [name, { Authorization: `Bearer ${accessToken}` }]),
    );
  });
  afterAll(async () => {
    agent.destroy();
    await t.close();
  });

  const durationOf = (name: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const start = performance.now();
      const sent = request(`${t.url}/guarded/header`, { headers: headers[name], agent }, (response) => {
        response.resume();
        response.on('end', () => {
          const duration = performance.now() - start;
          if (response.statusCode === 401) resolve(duration);
          else reject(new Error(`${name}: ${response.statusCode}`));
        });
      });
      sent.on('error', reject);
      sent.end();
    });

  it('R60: does not tell a client its cause', async () => {
    const names = Object.keys(headers);
    const measured = new Map<string, number[]>(names.map((name) => [name, []]));
    for (let run = 0; run < RUNS; run += 1) {
      const durations = new Map<string, number[]>(names.map((name) => [name, []]));
      for (let round = -WARM_UP; round < ROUNDS; round += 1) {
        // Every class stands behind every other equally often.
        const shift = (round + WARM_UP) % names.length;
        const order = [...names.slice(shift), ...names.slice(0, shift)];
        for (const name of round % 2 === 0 ? order : order.toReversed()) {
          const duration = await durationOf(name);
          if (round >= 0) durations.get(name)!.push(duration);
        }
      }
      for (const name of names) {
        const others = names.filter((other) => other !== name).flatMap((other) => durations.get(other)!);
        measured.get(name)!.push(excess(durations.get(name)!, others));
      }
    }
    const excesses = Object.fromEntries(names.map((name) => [name, median(measured.get(name)!)]));
    for (const value of Object.values(excesses)) {
      expect(value, JSON.stringify(excesses)).toBeGreaterThan(0.25);
      expect(value, JSON.stringify(excesses)).toBeLessThan(0.75);
    }
  }, 120_000);
});
