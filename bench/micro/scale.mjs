import { performance } from 'node:perf_hooks';
import { Sliding } from '../../dist/sessions/sliding.js';
import { openTokens } from '../support/app.mjs';
import { fillLarge } from '../support/bulk.mjs';
import { dataSourceOptions, withSchema } from '../support/postgres.mjs';
import { table } from '../support/report.mjs';
import { insertPostgres, makeSessions } from '../support/sessions.mjs';
import { median } from '../support/statistics.mjs';

const MINUTE = 60_000;
const DAY = 86_400_000;
const USERS = 5_000;
/** How many sessions slide and rotate. */
const ROWS = 4_000;
/** An hour of slides, one every five minutes: once in it the index moves on. */
const ROUNDS = 12;
/** What the shipped migration sets, and what a table has that TypeORM made. */
const FILLFACTORS = [100, 95];

/** What sessions cost where there are very many: bytes on disk, bytes of log, and a pruning that finds nothing. */
export async function scale(isQuick) {
  const writes = [];
  for (const fillfactor of FILLFACTORS) writes.push(await writesIn(fillfactor, isQuick ? 2 : ROUNDS));
  const sizes = [];
  for (const fillfactor of FILLFACTORS) sizes.push(await sizeOf(fillfactor, isQuick ? 20_000 : 200_000));
  const idle = await idlePruning(isQuick ? 500_000 : 5_000_000);
  const [{ slide }] = writes;
  const [size] = sizes;
  return {
    title: 'At scale',
    rows: { 'slide.walBytes': slide.wal, 'slide.hot': slide.hot, 'prune.idleMs': idle.took, 'row.bytes': size.total },
    markdown: describe({ writes, sizes, idle }),
  };
}

function withTable(fillfactor, work) {
  return withSchema(`scale_${fillfactor}`, async (schema, client) => {
    await client.query(`ALTER TABLE auth_tokens SET (fillfactor = ${fillfactor}, autovacuum_enabled = off)`);
    await client.query(
      `INSERT INTO users (id, email, name, password_hash)
       SELECT n, 'user' || n, 'User ' || n, md5(n::text) FROM generate_series(1, ${USERS}) AS n`,
    );
    return work(schema, client);
  });
}

/** Log and HOT updates of slides, rotations and wiped salts, each as the library writes it. */
function writesIn(fillfactor, rounds) {
  return withTable(fillfactor, async (schema, client) => {
    const measured = (times, work) => logOf(client, times, () => withApp(schema, work));
    let issued = [];
    const login = await measured(ROWS, async ({ tokens }) => {
      for (let index = 0; index < ROWS; index += 1) issued.push(await tokens.generateHeaderToken(1 + (index % USERS)));
    });
    const slide = await measured(ROWS * rounds, async ({ slider }) => {
      const start = Date.now();
      for (let round = 1; round <= rounds; round += 1) {
        for (const { token, accessToken } of issued) {
          await slider.slide(token, accessToken, slider.due(token, start + round * 5 * MINUTE));
        }
      }
    });
    const rotation = await measured(ROWS, async ({ tokens }) => {
      const next = [];
      for (const { refreshToken } of issued) next.push(await tokens.refreshToken(refreshToken));
      issued = next;
    });
    await client.query(`UPDATE auth_tokens SET rotated_at = rotated_at - ${DAY}`);
    const wipe = await measured(ROWS, ({ tokens }) => tokens.revokeExpiredTokens());
    return { fillfactor, login, slide, rotation, wipe };
  });
}

async function withApp(schema, work) {
  const lifetimes = { autoRefreshInterval: 0, autoRefreshMaxTtl: '90d' };
  const app = await openTokens(dataSourceOptions(schema), lifetimes);
  try {
    return await work({ tokens: app.tokens, slider: app.get(Sliding) });
  } finally {
    await app.close();
  }
}

/** Bytes of log per piece of work, and the share of its updates that were HOT. The work's connections are closed. */
async function logOf(client, times, work) {
  const before = await countersOf(client);
  await work();
  const after = await countersOf(client);
  const updates = after.updates - before.updates;
  return { wal: (after.wal - before.wal) / times, hot: updates === 0 ? 0 : (after.hot - before.hot) / updates };
}

async function countersOf(client) {
  await client.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await client.query(
    `SELECT pg_current_wal_insert_lsn() - '0/0' AS wal, n_tup_upd AS updates, n_tup_hot_upd AS hot
     FROM pg_stat_user_tables WHERE relid = 'auth_tokens'::regclass`,
  );
  return Object.fromEntries(Object.entries(rows[0]).map(([name, value]) => [name, Number(value)]));
}

/** Bytes per session of a table that grew by logins, of any user in any order. */
function sizeOf(fillfactor, count) {
  return withTable(fillfactor, async (_schema, client) => {
    for (let done = 0; done < count; done += 10_000) {
      const { rows } = makeSessions(10_000, USERS, Date.now() - 7 * DAY + done);
      for (const row of rows) row[1] = 1 + Math.floor(Math.random() * USERS);
      await insertPostgres(client, rows);
    }
    const { rows } = await client.query(
      `SELECT pg_relation_size(oid) / ${count}.0 AS heap, pg_indexes_size(oid) / ${count}.0 AS indexes,
         pg_total_relation_size(oid) / ${count}.0 AS total FROM pg_class WHERE oid = 'auth_tokens'::regclass`,
    );
    const [heap, indexes, total] = Object.values(rows[0]).map(Number);
    return { fillfactor, heap, indexes, total };
  });
}

/** A pruning that finds nothing, in a table whose sessions were opened over a week. */
function idlePruning(count) {
  return withSchema('scale_idle', async (schema, client) => {
    await client.query('ALTER TABLE auth_tokens SET UNLOGGED');
    const every = Math.floor((7 * DAY) / count);
    // The first run out in ten minutes; those of the hour are looked at in vain.
    const start = Date.now() - 7 * DAY + 10 * MINUTE;
    await fillLarge(client, { sessions: count, real: 1_000, users: count / 10, start, every });
    const hourEnd = 'ceil(extract(epoch FROM now()) / 3600) * 3600000';
    const { rows } = await client.query(`SELECT count(*) AS n FROM auth_tokens WHERE prune_at <= ${hourEnd}`);
    return withApp(schema, async ({ tokens }) => {
      const times = [];
      for (let run = 0; run < 11; run += 1) {
        const begin = performance.now();
        if ((await tokens.revokeExpiredTokens()) > 0) throw new Error('There was something to prune');
        times.push(performance.now() - begin);
      }
      return { count, took: median(times.slice(1)), inVain: Number(rows[0].n) };
    });
  });
}

function describe({ writes, sizes, idle }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const perWrite = writes.map(({ fillfactor, login, slide, rotation, wipe }) => [
    fillfactor,
    ...[login, slide, rotation, wipe].map(({ wal }) => wal.toFixed(0)),
    percent(slide.hot),
  ]);
  const perSession = sizes.map(({ fillfactor, ...bytes }) => [
    fillfactor,
    ...Object.values(bytes).map((value) => value.toFixed(0)),
  ]);
  return `${table(['fillfactor', 'login, bytes of log', 'slide', 'rotation', 'its salt wiped', 'slides that are HOT'], perWrite)}

PostgreSQL, ${ROWS.toLocaleString('en')} sessions, each slid every five minutes for an hour, then rotated; no checkpoint
falls between. The salts are wiped by pruning, 250 in one statement.

${table(['fillfactor', 'table, bytes per session', 'indexes', 'together'], perSession)}

Inserted in the order of their logins. 100 is what a table has that TypeORM made, 95 what the shipped migration sets.

A pruning that finds nothing among ${idle.count.toLocaleString('en')} sessions took ${idle.took.toFixed(1)} ms (median of
10); ${idle.inVain.toLocaleString('en')} become due within the hour and were looked at in vain.`;
}
