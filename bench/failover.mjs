// What a failover of the database does to sessions: npm run bench:failover [-- name of a scenario]
// Needs PostgreSQL's programs (pg_config, or PG_BIN), and HAProxy. Two processes of an app, 24 clients, two servers of its
// own with HAProxy in front; nothing of yours is touched.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createAuthTokens } from '../dist/migrations/index.js';
import { DataSource } from 'typeorm';
import { optionsOf, User } from './failover/app.mjs';
import { behave, cameBack, Ledger } from './failover/clients.mjs';
import { Cluster } from './failover/cluster.mjs';

const CLIENTS = 24;
const SECONDS = 5_000;
/** How long it takes until somebody has noticed that a server is gone, and promotes the other. */
const NOTICED = 1_000;
/** What an asynchronous standby has not heard of yet when the primary goes. */
const BEHIND = 1_000;

/** Each fails over in its own way, in the middle of the traffic. `note` is called when the trouble begins. */
const SCENARIOS = {
  'planned switchover': {
    async fail(cluster, note) {
      note();
      await cluster.stop('a');
      await cluster.promote('b');
    },
  },
  'old primary comes back read-only at once': {
    // HAProxy leaves connections alone, and has not noticed yet.
    async fail(cluster, note) {
      note();
      await cluster.stop('a');
      await cluster.promote('b');
      await cluster.demote('a', 'b');
    },
  },
  'primary killed, standby up to date': {
    doesShutSessions: true,
    async fail(cluster, note) {
      note();
      await cluster.stop('a', 'SIGKILL');
      await pause(NOTICED);
      await cluster.promote('b');
    },
  },
  'primary hangs, standby up to date': {
    doesShutSessions: true,
    async fail(cluster, note) {
      note();
      cluster.freeze('a');
      await pause(NOTICED);
      await cluster.promote('b');
    },
  },
  'primary killed, standby a second behind': {
    doesShutSessions: true,
    async fail(cluster, note) {
      await cluster.cutReplication();
      await pause(BEHIND);
      note();
      await cluster.stop('a', 'SIGKILL');
      await pause(NOTICED);
      await cluster.promote('b');
    },
  },
  'primary killed, commits wait for the standby': {
    doesShutSessions: true,
    isSynchronous: true,
    async fail(cluster, note) {
      await cluster.cutReplication();
      await pause(BEHIND);
      note();
      await cluster.stop('a', 'SIGKILL');
      await pause(NOTICED);
      await cluster.promote('b');
    },
  },
  'backup restored': {
    doesShutSessions: true,
    async prepare(cluster) {
      await cluster.copy('a', 'backup');
    },
    async fail(cluster, note) {
      note();
      await cluster.stop('b');
      await cluster.stop('a');
      cluster.restore('backup', 'a');
      await cluster.query('a', 'SELECT 1');
    },
    /** The remedy: whatever was issued before the restored server took over has ended. */
    async remedy(cluster, { failedAt }) {
      const sql = `UPDATE auth_tokens SET revoked_at = ${Date.now()}, revoked_reason = 'revoked-all', prune_at = NULL
        WHERE created_at < ${failedAt} AND revoked_at IS NULL`;
      await cluster.query('a', sql);
    },
  },
};

class CreateAuthTokens1767225600000 extends createAuthTokens({ userTable: 'users' }) {}

async function measure(name, scenario) {
  const cluster = new Cluster();
  const apps = [];
  try {
    await cluster.start(scenario);
    const options = optionsOf(cluster.port);
    const users = await new DataSource({ ...options, entities: [User], synchronize: true }).initialize();
    await users.getRepository(User).insert({ name: 'Ada' });
    await users.destroy();
    const migrations = [CreateAuthTokens1767225600000];
    const table = await new DataSource({ ...options, migrations, migrationsRun: true }).initialize();
    await table.destroy();
    for (let n = 0; n < 2; n += 1)
      apps.push(fork(fileURLToPath(new URL('failover/app.mjs', import.meta.url)), [String(cluster.port)]));
    const urls = await Promise.all(apps.map(async (app) => (await once(app, 'message'))[0].url));

    const ledger = new Ledger();
    const end = new AbortController();
    const clients = Array.from({ length: CLIENTS }, () => behave(urls, ledger, end.signal));
    await pause(SECONDS);
    await scenario.prepare?.(cluster);
    await pause(scenario.prepare ? 2_000 : 0);
    const calm = { refused: ledger.refused, failures: ledger.firstFailure };
    let failedAt = 0;
    await scenario.fail(cluster, () => {
      failedAt = Date.now();
    });
    await pause(2 * SECONDS);
    end.abort();
    await Promise.all(clients);
    const back = await cameBack(urls[0], ledger);
    await scenario.remedy?.(cluster, { failedAt });
    const alive = apps.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const reuses = await Promise.all(
      alive.map(async (app) => {
        app.send('counts');
        return (await once(app, 'message'))[0].reuses;
      }),
    );
    console.log(`\n## ${name}`);
    console.table({
      'processes alive': alive.length,
      'refused before the failover': calm.refused,
      '503 before the failover': calm.failures ? 'yes' : 'no',
      'first failure after, ms': ledger.firstFailure ? ledger.firstFailure - failedAt : '-',
      'last failure after, ms': ledger.lastFailure ? ledger.lastFailure - failedAt : '-',
      'slowest answer, ms': ledger.slowest,
      '401 for a live session': ledger.refused - calm.refused,
      'of these brought back by refresh': ledger.recovered,
      'of these lost': ledger.lost,
      'taken for reuse': reuses.reduce((sum, count) => sum + count, 0),
      'logged out': ledger.revoked.length,
      'of these usable again': back,
      ...(scenario.remedy && { 'of these after the remedy': await cameBack(urls[0], ledger) }),
    });
    console.log(
      Object.entries(ledger.statuses)
        .map(([key, count]) => `${key}: ${count}`)
        .join(', '),
    );
  } finally {
    for (const app of apps) app.kill('SIGKILL');
    await cluster.close();
  }
}

const [, , ...words] = process.argv;
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (words.every((word) => name.includes(word))) await measure(name, scenario);
}
process.exit();
