// Servers of one's own, which may be broken: PostgreSQL, MariaDB, PgBouncer, and a proxy that can fall silent.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const IS_ROOT = process.getuid() === 0;
const places = [];
const processes = new Set();
const mounts = [];

/** A directory that belongs to the server's user. */
function placeFor(user) {
  const place = mkdtempSync(join(tmpdir(), 'authentify-storm-'));
  places.push(place);
  if (IS_ROOT) own(place, user);
  return place;
}

function own(place, user) {
  const id = (flag) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  chownSync(place, id('-u'), id('-g'));
}

/** A small file system of its own for a tablespace. */
export function smallDisk(user, size) {
  const place = placeFor(user);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', place]);
  mounts.push(place);
  own(place, user);
  return place;
}

/** A command as the server's user. */
const as = (user, command, args) =>
  IS_ROOT ? ['setpriv', [`--reuid=${user}`, `--regid=${user}`, '--clear-groups', command, ...args]] : [command, args];

function start(user, command, args) {
  const server = spawn(...as(user, command, args), { stdio: 'ignore' });
  processes.add(server);
  server.once('exit', () => processes.delete(server));
  return server;
}

async function answers(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function untilAnswers(port) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await answers(port)) return;
    await pause(50);
  }
  throw new Error(`Nobody answers on port ${port}`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

export async function startPostgres() {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  const bin = versions.length
    ? `/usr/lib/postgresql/${versions.toSorted((one, other) => Number(one) - Number(other)).at(-1)}/bin/`
    : '';
  const [place, port] = [placeFor('postgres'), await freePort()];
  const data = join(place, 'data');
  execFileSync(...as('postgres', `${bin}initdb`, ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync']), {
    stdio: 'ignore',
  });
  const settings = ['max_connections=40', 'listen_addresses=127.0.0.1', `unix_socket_directories=${place}`];
  start('postgres', `${bin}postgres`, ['-D', data, '-p', port, ...settings.flatMap((each) => ['-c', each])]);
  await untilAnswers(port);
  await pause(500);
  return port;
}

export async function startMariadb() {
  const [place, port] = [placeFor('mysql'), await freePort()];
  const common = ['--no-defaults', `--datadir=${place}/data`];
  mkdirSync(`${place}/data`);
  if (IS_ROOT) own(`${place}/data`, 'mysql');
  execFileSync(
    ...as('mysql', 'mariadb-install-db', [...common, '--auth-root-authentication-method=normal', '--skip-test-db']),
    { stdio: 'ignore' },
  );
  const where = [`--socket=${place}/socket`, `--port=${port}`, '--bind-address=127.0.0.1', `--pid-file=${place}/pid`];
  start('mysql', existsSync('/usr/sbin/mariadbd') ? '/usr/sbin/mariadbd' : 'mariadbd', [...common, ...where]);
  await untilAnswers(port);
  return port;
}

/** PgBouncer in transaction mode; `restart` kills it first. */
export async function startPgbouncer(postgresPort) {
  const [place, port] = [placeFor('postgres'), await freePort()];
  const file = join(place, 'pgbouncer.ini');
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 5,
    max_client_conn: 200,
    ignore_startup_parameters: 'extra_float_digits',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(
    file,
    `[databases]\npostgres = host=127.0.0.1 port=${postgresPort} user=postgres\n[pgbouncer]\n${lines.join('\n')}\n`,
  );
  const command = existsSync('/usr/sbin/pgbouncer') ? '/usr/sbin/pgbouncer' : 'pgbouncer';
  let bouncer = start('postgres', command, [file]);
  await untilAnswers(port);
  return {
    port,
    async restart() {
      const gone = once(bouncer, 'exit');
      bouncer.kill('SIGKILL');
      await gone;
      bouncer = start('postgres', command, [file]);
      await untilAnswers(port);
    },
  };
}

/** A TCP proxy of which all connections can fall silent; new ones work. */
export async function startProxy(upstream) {
  const pairs = new Set();
  const server = createServer((client) => {
    const database = connect(upstream, '127.0.0.1');
    const pair = { client, database };
    pairs.add(pair);
    client.pipe(database).pipe(client);
    for (const socket of [client, database]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        database.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    silence() {
      for (const { client, database } of pairs) {
        client.unpipe(database).resume();
        database.unpipe(client).resume();
      }
    },
    close() {
      server.close();
      for (const { client } of pairs) client.destroy();
    },
  };
}

/** Ends everything that was started here, and removes its files. */
export async function endAll() {
  for (const server of processes) {
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  }
  for (const mount of mounts.splice(0)) execFileSync('umount', ['-l', mount]);
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
}
