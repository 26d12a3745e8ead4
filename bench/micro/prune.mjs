import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTokens } from '../support/app.mjs';
import { bulkSql } from '../support/bulk.mjs';
import { dataSourceOptions, withSchema } from '../support/postgres.mjs';
import { table } from '../support/report.mjs';
import { fillPostgres } from '../support/sessions.mjs';
import { quantile } from '../support/statistics.mjs';

const DAY = 86_400_000;
const USERS = 5_000;

/** Pruning a million rows beside logins: how fast, and whom it holds up. */
export function prune(isQuick) {
  const count = isQuick ? 200_000 : 1_000_000;
  return withSchema('prune', async (schema, client) => {
    await fillPostgres(client, { users: USERS, sessions: 10_000 });
    const start = Date.now() - 30 * DAY;
    for (let from = 0; from < count; from += 100_000) {
      await client.query(bulkSql('postgres', { from, to: from + 99_999, users: USERS, start }));
    }
    await client.query('VACUUM ANALYZE auth_tokens');
    const app = await openTokens(dataSourceOptions(schema));
    try {
      const idle = await watched(app.tokens, () => sleep(isQuick ? 3_000 : 10_000));
      let pruned = 0;
      const busy = await watched(app.tokens, async () => {
        pruned = await app.tokens.revokeExpiredTokens();
      });
      if (pruned !== count) throw new Error(`${pruned} rows were pruned instead of ${count}`);
      const rate = (count * 1_000) / busy.took;
      return {
        title: 'Pruning',
        rows: { 'prune.rowsPerSecond': rate, 'prune.maxStallMs': busy.longestStall },
        markdown: describe(count, { idle, busy }),
      };
    } finally {
      await app.close();
    }
  });
}

/** Logs in every few milliseconds while some work goes on, and watches the event loop. */
async function watched(tokens, work) {
  const state = { isOver: false, longestStall: 0, logins: [] };
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    state.longestStall = Math.max(state.longestStall, now - last - 1);
    last = now;
  }, 1);
  const loggedIn = logIn(tokens, state);
  const begin = performance.now();
  await work();
  const took = performance.now() - begin;
  state.isOver = true;
  clearInterval(timer);
  await loggedIn;
  return { took, longestStall: state.longestStall, logins: state.logins };
}

async function logIn(tokens, state) {
  while (!state.isOver) {
    const begin = performance.now();
    await tokens.generateHeaderToken(1 + (state.logins.length % USERS));
    state.logins.push(performance.now() - begin);
    await sleep(5);
  }
}

function describe(count, runs) {
  const cells = Object.entries(runs).map(([name, { logins, longestStall }]) => [
    name === 'idle' ? 'nothing else' : `pruning ${count.toLocaleString('en')} rows`,
    longestStall.toFixed(1),
    quantile(logins, 0.5).toFixed(2),
    quantile(logins, 0.99).toFixed(2),
    logins.length,
  ]);
  const p99 = quantile(runs.busy.logins, 0.99) / quantile(runs.idle.logins, 0.99);
  return `${table(['', 'longest stall ms', 'login p50 ms', 'login p99 ms', 'logins'], cells)}

PostgreSQL, one login every few milliseconds from the same process. Pruning took ${(runs.busy.took / 1_000).toFixed(1)} s;
beside it the p99 of logins was ${p99.toFixed(2)} times the idle one (bar: 1.8).`;
}
