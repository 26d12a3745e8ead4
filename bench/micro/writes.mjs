import { openTokens } from '../support/app.mjs';
import { interleave } from '../support/measure.mjs';
import { dataSourceOptions, pg, poolOptions, withSchema } from '../support/postgres.mjs';
import * as raw from '../support/raw.mjs';
import { table } from '../support/report.mjs';
import { fillPostgres } from '../support/sessions.mjs';
import { median } from '../support/statistics.mjs';

/** Login and refresh beside one prepared statement each. */
export function writes(isQuick) {
  return withSchema('writes', async (schema, client) => {
    await fillPostgres(client, { users: 5_000, sessions: 10_000 });
    const pool = new pg.Pool(poolOptions(schema));
    const app = await openTokens(dataSourceOptions(schema));
    try {
      let ours = await app.tokens.generateHeaderToken(1);
      let theirs = await raw.login(pool, 1);
      const tasks = {
        'login, raw': () => raw.login(pool, 1),
        'login, ours': () => app.tokens.generateHeaderToken(1),
        'refresh, raw': async () => {
          theirs = await raw.refresh(pool, theirs.refreshToken);
        },
        'refresh, ours': async () => {
          ours = await app.tokens.refreshToken(ours.refreshToken);
        },
      };
      const samples = await interleave(tasks, { rounds: isQuick ? 10 : 40, times: isQuick ? 200 : 500 });
      return { title: 'Login and refresh', markdown: describe(samples) };
    } finally {
      await app.close();
      await pool.end();
    }
  });
}

function describe(samples) {
  const figures = (name, figure) => {
    const [theirs, ours] = ['raw', 'ours'].map((whose) => median(samples[`${name}, ${whose}`][figure]));
    return [theirs.toFixed(0), ours.toFixed(0), (ours / theirs).toFixed(2)];
  };
  const cells = ['login', 'refresh'].map((name) => [name].concat(figures(name, 'wall'), figures(name, 'cpu')));
  return `${table(['', 'raw µs', 'ours µs', 'ratio', 'raw CPU µs', 'ours CPU µs', 'CPU ratio'], cells)}

PostgreSQL, one after the other. Raw is one INSERT, or one conditional UPDATE, prepared, with random tokens and their
digests. Ours looks the session up before it rotates it, and derives the new pair so that a retry gets it again.`;
}
