import { openTokens } from '../support/app.mjs';
import { cycle, repeat } from '../support/measure.mjs';
import { dataSourceOptions, withSchema } from '../support/postgres.mjs';
import { table } from '../support/report.mjs';
import { fillPostgres } from '../support/sessions.mjs';

/** What a million verifications leave behind on the heap. */
export function heap(isQuick) {
  return withSchema('heap', async (schema, client) => {
    const next = cycle(await fillPostgres(client, { users: 5_000, sessions: 50_000 }));
    const app = await openTokens(dataSourceOptions(schema));
    try {
      const step = isQuick ? 20_000 : 200_000;
      const cells = [];
      for (let done = 0; done <= 6 * step; done += step) {
        // Not before everything is compiled and all connections are there.
        if (done > 0) await repeat(() => app.tokens.verifyToken(next()), step, 64);
        globalThis.gc();
        globalThis.gc();
        if (done > 0)
          cells.push([(done - step).toLocaleString('en'), (process.memoryUsage().heapUsed / 2 ** 20).toFixed(2)]);
      }
      return {
        title: 'Memory',
        markdown: `${table([`verifications after the first ${step.toLocaleString('en')}`, 'heap MiB'], cells)}\n\nAfter a garbage collection each.`,
      };
    } finally {
      await app.close();
    }
  });
}
