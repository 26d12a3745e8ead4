import { Agent, request } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bearer, send } from '../requests/client.js';
import { GuardedController } from '../requests/controllers.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';

const REQUESTS = 3_000;
const WARM_UP = 1_000;
const CONNECTIONS = 32;
const MEGABYTE = 1_048_576;

/** Tokens that are none of ours, each a different one: nothing may be remembered of them. */
function malformed(index: number): string {
  const secret = index.toString(36).padStart(49, '0');
  const kinds = [
    `af_at_${secret}`,
    `af_rt_${secret}${secret.slice(0, 22)}`,
    `af_at_${secret}x`,
    `xx_at_${secret}`,
    `af_at_${secret.slice(1)}`,
    `af_at_${secret.slice(1)}-`,
    `${index}`,
    // So long that a copy of each would be noticed.
    `${index}`.padEnd(8_000, 'A'),
  ];
  return kinds[index % kinds.length]!;
}

const collectGarbage = (() => {
  if (globalThis.gc) return globalThis.gc;
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

/** What is still in use after everything that can be collected has been. */
async function usedHeap(): Promise<number> {
  for (let round = 0; round < 3; round += 1) {
    collectGarbage();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  return process.memoryUsage().heapUsed;
}

describe.each(ADAPTERS)('a flood of malformed tokens on %s', (adapter) => {
  let t: TestApp;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  beforeAll(async () => {
    t = await startApp({ adapter, controllers: [GuardedController] });
  });
  afterAll(async () => {
    agent.destroy();
    await t.close();
  });

  const statusOf = (path: string, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(`${t.url}${path}`, { headers, agent }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      sent.on('error', reject);
      sent.end();
    });

  /** Sends that many requests over the kept connections, by header and cookie in turn, and counts the answers. */
  async function flood(from: number, count: number): Promise<Map<number, number>> {
    const answers = new Map<number, number>();
    let next = from;
    const client = async (): Promise<void> => {
      for (let index = next++; index < from + count; index = next++) {
        const token = malformed(index);
        const status =
          index % 16 < 8
            ? await statusOf('/guarded/either', { Authorization: `Bearer ${token}` })
            : await statusOf('/guarded/cookie', { Cookie: `__Host-token=${token}` });
        answers.set(status, (answers.get(status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, client));
    return answers;
  }

  it('R16: costs no statement, is all 401, leaves nothing behind, and good sessions are served as ever', async () => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
    const statements = t.statements.statements.length;
    await flood(0, WARM_UP);
    const before = await usedHeap();

    const answers = await flood(WARM_UP, REQUESTS);
    const growth = (await usedHeap()) - before;

    expect([...answers]).toEqual([[401, REQUESTS]]);
    expect(t.statements.statements.slice(statements)).toEqual([]);
    expect(growth).toBeLessThan(1.5 * MEGABYTE);
    const { status, json } = await send(`${t.url}/guarded/header`, { headers: bearer(accessToken) });
    expect([status, json.session]).toEqual([200, token.id]);
  }, 120_000);

  it('R16: a well-formed token of nobody does cost a statement, so that the count above means something', async () => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
    await t.tokens.revokeToken(token);
    const sent = await t.statements.during(async () => {
      expect(await statusOf('/guarded/either', { Authorization: `Bearer ${accessToken}` })).toBe(401);
    });
    expect(sent).toHaveLength(1);
  });

  it('R16: the refresh of thousands of malformed tokens costs no statement either', async () => {
    const statements = t.statements.statements.length;
    for (let index = 0; index < REQUESTS; index += 1) {
      expect(await t.tokens.refreshToken(malformed(index))).toBeNull();
    }
    expect(t.statements.statements.slice(statements)).toEqual([]);
  });
});
