import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { openTokens } from '../support/app.mjs';
import { ENTITIES } from '../support/entities.mjs';
import { fillUsers, insertMariadb, mariadbOptions, mariadbPool, withDatabase } from '../support/mariadb.mjs';
import { cycle, interleave } from '../support/measure.mjs';
import { dataSourceOptions, pg, poolOptions, withSchema } from '../support/postgres.mjs';
import { liveRow, selectSql, verify as verifyRaw } from '../support/raw.mjs';
import { table } from '../support/report.mjs';
import { COLUMNS, fillPostgres, makeSessions } from '../support/sessions.mjs';
import { median, spread } from '../support/statistics.mjs';

const USERS = 5_000;
const SESSIONS = 50_000;

/** Verification with its entity beside the driver's own prepared statement, one after the other and 32 at a time. */
export async function verify(isQuick) {
  const found = {
    postgres: await onPostgres(isQuick),
    sqlite: await onSqlite(isQuick),
    mariadb: await onMariadb(isQuick),
  };
  const rows = Object.fromEntries(
    Object.entries(found).map(([name, [{ samples }]]) => [`verify.${name}`, ratio(samples, 'ours', 'wall')]),
  );
  const cells = Object.entries(found).flatMap(([name, runs]) => runs.map((run) => cellsOf(name, run)));
  const head = ['', 'raw µs', 'ours µs', 'ratio', 'raw CPU µs', 'ours CPU µs', 'CPU ratio', 'control'];
  return {
    title: 'Verification',
    rows,
    aaSpread: Math.max(...Object.values(found).map(([run]) => controlOf(run))),
    markdown: `${table(head, cells)}

Token to entity with user, beside digest, prepared statement and expiry check on the bare driver; CPU is of this process.
The control is the raw statement under a second name. The figures above are of one verification after the other: many at a
time share statements, which flatters the ratio.`,
  };
}

const ratio = ({ raw, ...samples }, name, figure) => median(samples[name][figure]) / median(raw[figure]);
const controlOf = ({ samples }) => spread(samples.again.wall, samples.raw.wall);

function cellsOf(name, { concurrency, samples }) {
  const figures = ['wall', 'cpu'].flatMap((figure) => [
    median(samples.raw[figure]).toFixed(1),
    median(samples.ours[figure]).toFixed(1),
    ratio(samples, 'ours', figure).toFixed(2),
  ]);
  const label = concurrency === 1 ? name : `${name}, ${concurrency} at a time`;
  return [label, ...figures, `${(100 * controlOf({ samples })).toFixed(1)} %`];
}

async function compare({ raw, ours }, isQuick, concurrencies = [1, 32]) {
  const runs = [];
  for (const concurrency of concurrencies) {
    const options = { rounds: isQuick ? 15 : 60, times: isQuick ? 500 : 1_000, concurrency };
    runs.push({ concurrency, samples: await interleave({ raw, ours, again: raw }, options) });
  }
  return runs;
}

/** What must come out of both, or nothing was measured. */
async function check({ raw, ours }) {
  const [row, token] = [await raw(), await ours()];
  if (!row?.u_id || !token?.user.id) throw new Error('A token was not good');
}

function onPostgres(isQuick) {
  return withSchema('verify', async (schema, client) => {
    const next = cycle(await fillPostgres(client, { users: USERS, sessions: SESSIONS }));
    const pool = new pg.Pool(poolOptions(schema));
    const app = await openTokens(dataSourceOptions(schema));
    try {
      const tasks = { raw: () => verifyRaw(pool, next()), ours: () => app.tokens.verifyToken(next()) };
      await check(tasks);
      return await compare(tasks, isQuick);
    } finally {
      await app.close();
      await pool.end();
    }
  });
}

async function onSqlite(isQuick) {
  const directory = await mkdtemp(join(tmpdir(), 'authentify-bench-'));
  const database = join(directory, 'bench.db');
  const options = { type: 'better-sqlite3', driver: BetterSqlite3, database, entities: ENTITIES, synchronize: true };
  const app = await openTokens(options);
  const connection = new BetterSqlite3(database);
  try {
    const { tokens, rows } = makeSessions(SESSIONS, USERS);
    fillSqlite(connection, rows);
    const next = cycle(tokens);
    const select = connection.prepare(selectSql('?'));
    const tasks = {
      raw: async () => liveRow(select.get(hash('sha256', next()))),
      ours: () => app.tokens.verifyToken(next()),
    };
    await check(tasks);
    return await compare(tasks, isQuick, [1]);
  } finally {
    connection.close();
    await app.close();
    await rm(directory, { recursive: true });
  }
}

function fillSqlite(connection, rows) {
  const user = connection.prepare('INSERT INTO users (id, email, name, password_hash) VALUES (?, ?, ?, ?)');
  const session = connection.prepare(
    `INSERT INTO auth_tokens (${COLUMNS.join()}) VALUES (${COLUMNS.map(() => '?').join()})`,
  );
  connection.transaction(() => {
    for (let id = 1; id <= USERS; id += 1) user.run(id, `user${id}@example.com`, `User ${id}`, '$2b$12$hash');
    for (const row of rows) session.run(...row);
  })();
}

function onMariadb(isQuick) {
  return withDatabase('verify', async (database, client) => {
    await fillUsers(client, USERS);
    const { tokens, rows } = makeSessions(SESSIONS, USERS);
    await insertMariadb(client, rows);
    await client.query('ANALYZE TABLE auth_tokens');
    const next = cycle(tokens);
    const pool = mariadbPool(database);
    const app = await openTokens(mariadbOptions(database));
    const sql = selectSql('?');
    try {
      const tasks = {
        raw: async () => liveRow((await pool.execute(sql, [hash('sha256', next())]))[0][0]),
        ours: () => app.tokens.verifyToken(next()),
      };
      await check(tasks);
      return await compare(tasks, isQuick);
    } finally {
      await app.close();
      await pool.end();
    }
  });
}
