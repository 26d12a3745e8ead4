import { performance } from 'node:perf_hooks';
import { openTokens } from '../support/app.mjs';
import { fillLarge } from '../support/bulk.mjs';
import { cycle } from '../support/measure.mjs';
import { dataSourceOptions, withSchema } from '../support/postgres.mjs';
import { table } from '../support/report.mjs';
import { quantile, shuffled } from '../support/statistics.mjs';

const SIZES = [10_000, 1_000_000, 5_000_000];
const QUICK_SIZES = [10_000, 100_000, 500_000];

/** Verification in tables of very different sizes, side by side. */
export function growth(isQuick) {
  return withTables(isQuick ? QUICK_SIZES : SIZES, [], async (tables) => {
    const times = tables.map(() => []);
    const rounds = isQuick ? 10 : 40;
    for (let round = -1; round < rounds; round += 1) {
      for (const index of shuffled([...tables.keys()])) {
        const took = await timesOf(tables[index], 500);
        if (round >= 0) times[index].push(...took);
      }
    }
    const p50 = times.map((own) => quantile(own, 0.5));
    const cells = tables.map(({ size }, index) => [
      size.toLocaleString('en'),
      ...[0.5, 0.95, 0.99].map((share) => (quantile(times[index], share) * 1_000).toFixed(0)),
      (p50[index] / p50[0]).toFixed(2),
    ]);
    return {
      title: 'Growth',
      rows: { 'growth.p50': p50.at(-1) / p50[0] },
      markdown: `${table(['rows', 'p50 µs', 'p95 µs', 'p99 µs', 'p50 to the smallest'], cells)}

PostgreSQL, one verification after the other, tables side by side in one run. Up to 50,000 sessions spread over the table
are verified in turn.`,
    };
  });
}

async function withTables([size, ...rest], tables, work) {
  if (size === undefined) return work(tables);
  return withSchema(`growth_${size}`, async (schema, client) => {
    // Only read from here on; without a log the filling is faster.
    await client.query('ALTER TABLE auth_tokens SET UNLOGGED');
    const tokens = await fillLarge(client, { sessions: size, real: Math.min(size, 50_000), users: size / 10 });
    const app = await openTokens(dataSourceOptions(schema));
    try {
      return await withTables(rest, [...tables, { size, app, next: cycle(shuffled(tokens)) }], work);
    } finally {
      await app.close();
    }
  });
}

async function timesOf({ app, next }, count) {
  const times = [];
  for (let index = 0; index < count; index += 1) {
    const begin = performance.now();
    const token = await app.tokens.verifyToken(next());
    times.push(performance.now() - begin);
    if (!token) throw new Error('A token was not good');
  }
  return times;
}
