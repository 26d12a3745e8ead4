// Two PostgreSQL servers, the second a standby of the first, and HAProxy in front of them, which sends everybody to the one
// that takes writes, as it does with Patroni.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';

const run = promisify(execFile);
const HOST = '127.0.0.1';
const PORTS = { proxy: 54_400, a: 54_401, b: 54_402 };
/** Where the health checks of HAProxy ask. */
const CHECKS = { a: 54_411, b: 54_412 };

const binaries = process.env.PG_BIN ?? execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
const isRoot = process.getuid?.() === 0;
const idOf = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
/** PostgreSQL does not run as root. */
const as = isRoot ? { uid: idOf('-u'), gid: idOf('-g'), cwd: tmpdir() } : { cwd: tmpdir() };

export class Cluster {
  port = PORTS.proxy;
  #work = mkdtempSync(join(tmpdir(), 'authentify-failover-'));
  #servers = {};
  #checks = [];
  #proxy;

  /** @param doesShutSessions whether HAProxy ends the connections to a server that it marks down. */
  async start({ doesShutSessions, isSynchronous }) {
    chmodSync(this.#work, 0o755);
    const a = this.#directory('a');
    await run(join(binaries, 'initdb'), ['-D', a, '-U', 'postgres', '-A', 'trust', '--no-sync'], as);
    this.#configure('a', ['wal_keep_size = 256MB', 'hot_standby = on', 'max_connections = 100']);
    this.startServer('a');
    await this.query('a', 'SELECT 1');
    await this.copy('a', 'b', ['-R']);
    this.startServer('b');
    await this.query('b', 'SELECT 1');
    if (isSynchronous) {
      await this.query('a', "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (*)'");
      await this.query('a', "ALTER SYSTEM SET synchronous_commit = 'remote_apply'");
      await this.query('a', 'SELECT pg_reload_conf()');
    }
    await this.#startProxy(doesShutSessions);
  }

  #directory(name) {
    const directory = join(this.#work, name);
    mkdirSync(directory, { mode: 0o700 });
    if (isRoot) chownSync(directory, as.uid, as.gid);
    return directory;
  }

  #configure(name, lines) {
    writeFileSync(join(this.#work, name, 'postgresql.auto.conf'), `${lines.join('\n')}\n`, { flag: 'a' });
  }

  startServer(name) {
    const settings = [
      `port=${PORTS[name]}`,
      `listen_addresses=${HOST}`,
      'unix_socket_directories=',
      'logging_collector=off',
    ];
    this.#servers[name] = spawn(
      join(binaries, 'postgres'),
      ['-D', join(this.#work, name), ...settings.flatMap((setting) => ['-c', setting])],
      { ...as, stdio: 'ignore', detached: true },
    );
  }

  /** As a base backup. */
  async copy(from, to, flags = []) {
    await run(
      join(binaries, 'pg_basebackup'),
      [
        '-h',
        HOST,
        '-p',
        String(PORTS[from]),
        '-U',
        'postgres',
        '-D',
        this.#directory(to),
        '-c',
        'fast',
        '-X',
        'stream',
        ...flags,
      ],
      as,
    );
  }

  /** In place of a server that was stopped. */
  restore(from, to) {
    rmSync(join(this.#work, to), { recursive: true });
    cpSync(join(this.#work, from), join(this.#work, to), { recursive: true, preserveTimestamps: true });
    if (isRoot) execFileSync('chown', ['-R', 'postgres:postgres', join(this.#work, to)]);
    chmodSync(join(this.#work, to), 0o700);
    this.startServer(to);
  }

  /** Waits for what was stopped to be gone. */
  async stop(name, signal = 'SIGINT') {
    const server = this.#servers[name];
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    // The whole machine goes: every backend at once.
    if (signal === 'SIGKILL') this.#signal(name, signal);
    else server.kill(signal);
    await gone;
  }

  /** The machine hangs: its connections stay, and nobody answers. */
  freeze(name) {
    this.#signal(name, 'SIGSTOP');
  }

  #signal(name, signal) {
    const { pid } = this.#servers[name];
    const children = execFileSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
    for (const each of [pid, ...children.split('\n').filter(Boolean).map(Number)]) kill(each, signal);
  }

  /** The server comes back as a standby of the other. */
  async demote(name, primary) {
    await this.stop(name);
    await run(
      join(binaries, 'pg_rewind'),
      ['-D', join(this.#work, name), '--source-server', `host=${HOST} port=${PORTS[primary]} user=postgres`],
      as,
    ).catch(() => {});
    this.#configure(name, [`primary_conninfo = 'host=${HOST} port=${PORTS[primary]} user=postgres'`]);
    writeFileSync(join(this.#work, name, 'standby.signal'), '');
    if (isRoot) chownSync(join(this.#work, name, 'standby.signal'), as.uid, as.gid);
    this.startServer(name);
  }

  /** The standby hears nothing any more, and goes on as it is. */
  async cutReplication() {
    await this.query('b', "ALTER SYSTEM SET primary_conninfo = ''");
    await this.query('b', 'SELECT pg_reload_conf()');
    for (;;) {
      const [{ n }] = await this.query('b', 'SELECT count(*)::int AS n FROM pg_stat_wal_receiver');
      if (n === 0) return;
      await pause(20);
    }
  }

  promote(name) {
    return this.query(name, 'SELECT pg_promote()');
  }

  /** Asks one server, not the proxy; waits until it answers. */
  async query(name, sql) {
    for (let tries = 0; ; tries += 1) {
      const client = new Client({ host: HOST, port: PORTS[name], user: 'postgres', database: 'postgres' });
      client.on('error', () => {});
      try {
        await client.connect();
        return (await client.query(sql)).rows;
      } catch (error) {
        if (tries === 100) throw error;
        await pause(100);
      } finally {
        await client.end().catch(() => {});
      }
    }
  }

  async #startProxy(doesShutSessions) {
    for (const name of ['a', 'b']) this.#checks.push(await answerAsPatroni(CHECKS[name], PORTS[name]));
    const shut = doesShutSessions ? 'on-marked-down shutdown-sessions' : '';
    const file = join(this.#work, 'haproxy.cfg');
    writeFileSync(
      file,
      `
global
  maxconn 500
defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
listen primary
  bind ${HOST}:${PORTS.proxy}
  option httpchk GET /primary
  default-server inter 1s fall 2 rise 1 ${shut}
  server a ${HOST}:${PORTS.a} check port ${CHECKS.a}
  server b ${HOST}:${PORTS.b} check port ${CHECKS.b}
`,
    );
    this.#proxy = spawn(process.env.HAPROXY ?? 'haproxy', ['-db', '-f', file], {
      stdio: 'ignore',
      env: { PATH: `${process.env.PATH}:/usr/sbin` },
    });
    await pause(1_500);
  }

  async close() {
    this.#proxy?.kill();
    for (const check of this.#checks) check.close();
    await Promise.all(Object.keys(this.#servers).map((name) => this.stop(name, 'SIGKILL')));
    rmSync(this.#work, { recursive: true, force: true });
  }
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Patroni's `GET /primary`: 200 from the server that takes writes, 503 from others. */
function answerAsPatroni(port, database) {
  const isPrimary = async () => {
    const client = new Client({
      host: HOST,
      port: database,
      user: 'postgres',
      database: 'postgres',
      connectionTimeoutMillis: 500,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return !(await client.query('SELECT pg_is_in_recovery() AS standby')).rows[0].standby;
    } finally {
      await client.end().catch(() => {});
    }
  };
  const server = createServer((_request, response) => {
    void isPrimary()
      .catch(() => false)
      .then((is) => response.writeHead(is ? 200 : 503).end());
  });
  return new Promise((resolve) => {
    server.listen(port, HOST, () => resolve(server));
  });
}
