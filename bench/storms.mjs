// Storms: what becomes of sessions while a database fails in every way: node bench/storms.mjs [--seconds 60] [name …]
// (after npm run build; as root on Debian with postgresql, mariadb-server and pgbouncer: it starts servers of its own)
// Two server processes with ten clients each, who log in, ask and refresh all the time. Counted are their answers, how long
// after a fault requests still failed, sessions that were lost, and sessions that were taken for stolen.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { pg } from './support/postgres.mjs';
import { ENTITIES, User } from './support/entities.mjs';
import { endAll, smallDisk, startMariadb, startPgbouncer, startPostgres, startProxy } from './storms/servers.mjs';

const mysql = createRequire(new URL('../package.json', import.meta.url))('mysql2/promise');
const flags = process.argv.slice(2);
const at = flags.indexOf('--seconds');
const SECONDS = at < 0 ? 60 : Number(flags.splice(at, 2)[1]);
const CALM_MS = 3_000;
const NODES = 2;
const NODE = new URL('storms/node.mjs', import.meta.url);

const postgres = (port, extra = {}) => ({
  type: 'postgres',
  host: '127.0.0.1',
  port,
  username: 'postgres',
  database: 'postgres',
  extra: { max: 10, connectionTimeoutMillis: 2_000, application_name: 'storm', ...extra },
});
const mariadb = (port) => ({
  type: 'mariadb',
  host: '127.0.0.1',
  port,
  username: 'root',
  database: 'storm',
  extra: { connectionLimit: 10 },
});

async function postgresAdmin() {
  const port = await startPostgres();
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  await client.connect();
  return { port, query: (sql) => client.query(sql), close: () => client.end() };
}

async function mariadbAdmin() {
  const port = await startMariadb();
  const client = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
  await client.query('CREATE DATABASE storm');
  return { port, query: (sql) => client.query(sql), close: () => client.end() };
}

/** Each makes its servers, and says what the fault is: `begin` and, where it lasts, `end`, so many milliseconds apart. */
const STORMS = {
  async 'PostgreSQL: backends terminated every 200 ms'() {
    const admin = await postgresAdmin();
    const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'storm'`;
    return { admin, reach: postgres(admin.port), every: 200, begin: () => admin.query(sql) };
  },
  async 'MariaDB: connections killed every 200 ms'() {
    const admin = await mariadbAdmin();
    const begin = async () => {
      const [rows] = await admin.query(`SELECT id FROM information_schema.processlist WHERE db = 'storm'`);
      for (const { id } of rows) await admin.query(`KILL ${id}`).catch(() => {});
    };
    return { admin, reach: mariadb(admin.port), every: 200, begin };
  },
  async 'PostgreSQL: connections fall silent every 5 s, query_timeout 1 s'() {
    const admin = await postgresAdmin();
    const proxy = await startProxy(admin.port);
    const close = () => proxy.close();
    const reach = postgres(proxy.port, { query_timeout: 1_000 });
    return { admin, reach, every: 5_000, begin: () => proxy.silence(), close };
  },
  async 'PostgreSQL: read-only for 2 s of 6'() {
    const admin = await postgresAdmin();
    const set = async (value) => {
      await admin.query(`ALTER DATABASE postgres SET default_transaction_read_only = ${value}`);
      // As after a failover: who is connected stays with the server that writes nothing.
      if (value === 'off') return;
      await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'storm'`);
    };
    await admin.query('SET default_transaction_read_only = off');
    return {
      admin,
      reach: postgres(admin.port),
      every: 6_000,
      lasts: 2_000,
      begin: () => set('on'),
      end: () => set('off'),
    };
  },
  async 'MariaDB: read_only for 2 s of 6'() {
    const admin = await mariadbAdmin();
    await admin.query(`CREATE USER app@'%'`);
    await admin.query(`GRANT ALL ON storm.* TO app@'%'`);
    const set = (value) => admin.query(`SET GLOBAL read_only = ${value}`);
    const reach = { ...mariadb(admin.port), username: 'app' };
    return { admin, reach, every: 6_000, lasts: 2_000, begin: () => set(1), end: () => set(0) };
  },
  async 'PostgreSQL: no connection left for 2 s of 6'() {
    const admin = await postgresAdmin();
    let hogs = [];
    const begin = async () => {
      await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'storm'`);
      const hog = async () => {
        const client = new pg.Client({ host: '127.0.0.1', port: admin.port, user: 'postgres', database: 'postgres' });
        client.on('error', () => {});
        await client.connect().then(
          () => hogs.push(client),
          () => {},
        );
      };
      await Promise.all(Array.from({ length: 40 }, hog));
    };
    const end = async () => {
      await Promise.all(hogs.map((client) => client.end()));
      hogs = [];
    };
    return { admin, reach: postgres(admin.port), every: 6_000, lasts: 2_000, begin, end };
  },
  async 'PostgreSQL: disk full for 2 s of 6'() {
    const admin = await postgresAdmin();
    const disk = smallDisk('postgres', '64M');
    await admin.query(`CREATE TABLESPACE small LOCATION '${disk}'`);
    await admin.query('ALTER DATABASE postgres SET default_tablespace = small');
    const ballast = join(disk, 'ballast');
    const begin = () => {
      try {
        for (let size = 64; size > 0; size -= 1) writeFileSync(ballast, Buffer.alloc(1 << 20), { flag: 'a' });
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
      }
    };
    const end = () => rmSync(ballast, { force: true });
    return { admin, reach: postgres(admin.port), every: 6_000, lasts: 2_000, begin, end };
  },
  async 'PgBouncer, transaction mode: killed and started every 5 s'() {
    const admin = await postgresAdmin();
    const bouncer = await startPgbouncer(admin.port);
    const close = async () => {
      const { rows } = await admin.query(
        `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend'`,
      );
      console.log(`  ${rows[0].n} backends at the end`);
    };
    const reach = postgres(bouncer.port);
    delete reach.extra.application_name;
    return { admin, reach, every: 5_000, lasts: 0, begin: () => {}, end: () => bouncer.restart(), close };
  },
};

async function run(name, makeStorm) {
  const { admin, reach, every, lasts = 0, begin, end, close } = await makeStorm();
  const tables = await new DataSource({ ...reach, entities: ENTITIES, synchronize: true }).initialize();
  const users = Array.from({ length: 10 }, (_, index) => ({ id: index + 1, email: 'a', name: 'a', passwordHash: 'a' }));
  await tables.getRepository(User).insert(users);
  await tables.destroy();

  const settings = JSON.stringify({ dataSource: reach, options: { keepExpiredTokens: false } });
  const nodes = Array.from({ length: NODES }, () => fork(NODE, [settings], { execArgv: [] }));
  await Promise.all(nodes.map((node) => once(node, 'message')));
  let alive = NODES;
  for (const node of nodes) node.once('exit', () => (alive -= 1));

  /** When the faults began and when they were over. */
  const faults = [];
  const stop = Date.now() + SECONDS * 1_000;
  while (Date.now() < stop) {
    const began = Date.now();
    await begin();
    if (lasts > 0) await pause(lasts);
    await end?.();
    faults.push([began, Date.now()]);
    await pause(Math.max(0, every - (Date.now() - began)));
  }
  await pause(CALM_MS);
  const survivors = alive;
  const reports = await Promise.all(
    nodes.map(async (node) => {
      if (!node.connected) return undefined;
      const answer = once(node, 'message').then(([report]) => report);
      const gone = once(node, 'exit').then(() => undefined);
      node.send('over');
      return Promise.race([answer, gone]);
    }),
  );
  await close?.();
  await admin.close();
  await endAll();
  report(name, { survivors, reports: reports.filter(Boolean), faults });
}

function report(name, { survivors, reports, faults }) {
  const statuses = {};
  for (const each of reports) {
    for (const [status, count] of Object.entries(each.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
  }
  const failures = reports.flatMap((each) => each.failures);
  // The requests that began after a fault was over, and had failed before the next one began.
  const late = faults.map(([, over], index) => {
    const next = faults[index + 1]?.[0] ?? Infinity;
    const between = failures.filter(([began, ended]) => began >= over && ended < next);
    return Math.max(0, ...between.map(([began]) => began - over));
  });
  const sum = (key) => reports.reduce((total, each) => total + each[key], 0);
  console.log(`${name} (${SECONDS} s, ${faults.length} faults)`);
  console.log(`  processes alive: ${survivors} of ${NODES}`);
  console.log(
    `  answers: ${Object.entries(statuses)
      .toSorted(([one], [other]) => one.localeCompare(other))
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ')}`,
  );
  console.log(`  requests failed until ${Math.max(0, ...late)} ms after a fault`);
  console.log(`  sessions lost: ${sum('lost')}, taken for stolen: ${sum('falseReuses')}`);
}

const chosen = Object.entries(STORMS).filter(
  ([name]) => flags.length === 0 || flags.some((flag) => name.includes(flag)),
);
try {
  for (const [name, makeStorm] of chosen) await run(name, makeStorm);
} finally {
  await endAll();
}
