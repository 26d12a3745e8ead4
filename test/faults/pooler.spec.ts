import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE, ONE_CONNECTION } from '../support/database.js';
import type { User } from '../support/users.js';

const isPostgres = DATABASE === 'postgres';
const PGBOUNCER = '/usr/sbin/pgbouncer';

/** Warnings of the library. */
const warnings: string[] = [];
/** Once the app has its own logger. */
function hearWarnings(): void {
  warnings.length = 0;
  Logger.overrideLogger({ log() {}, error() {}, warn: (text: unknown) => warnings.push(String(text)) });
}
afterEach(() => Logger.overrideLogger(false));

const PREPARED = `SELECT name, statement FROM pg_prepared_statements WHERE name LIKE 'authentify%'`;

describe.skipIf(!isPostgres)('a connection that has not prepared what the driver believes', () => {
  let t: TestApp;
  let user: User;
  beforeEach(async () => {
    t = await startApp({ dataSource: ONE_CONNECTION });
    hearWarnings();
    user = await t.createUser();
  });
  afterEach(() => t.close());
  const prepared = (): Promise<{ statement: string }[]> => t.dataSource.query(PREPARED);

  it('R72: costs nothing but a retry, is told once, and from then on nothing is prepared', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    for (let call = 0; call < 12; call += 1) {
      expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
      // As a pooler in transaction mode hands out another backend.
      await t.dataSource.query('DEALLOCATE ALL');
    }
    const told = warnings.filter((text) => text.includes('preparedStatements: false'));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('(26000)');
    await t.tokens.verifyToken(accessToken);
    expect(await prepared()).toEqual([]);
  });

  it('R72: is no pooler where it happens once', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    await t.tokens.verifyToken(accessToken);
    await t.dataSource.query('DISCARD ALL');
    for (let call = 0; call < 5; call += 1) expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    expect(warnings).toEqual([]);
    expect(await prepared()).toHaveLength(1);
  });

  it('prepares another text after ALTER TABLE, once: poolers that prepare know statements by their text', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const texts = new Set<string>();
    for (const type of ['varchar(200)', 'text', 'varchar(150)']) {
      await t.tokens.verifyToken(accessToken);
      for (const { statement } of await prepared()) if (statement.startsWith('SELECT')) texts.add(statement);
      const { tablePath } = t.dataSource.getMetadata(t.tokenEntity);
      await t.dataSource.query(`ALTER TABLE ${tablePath.replace('auth_tokens', 'users')} ALTER email TYPE ${type}`);
      const statements = await t.statements.during(async () => {
        expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
      });
      expect(statements).toHaveLength(1);
    }
    await t.tokens.verifyToken(accessToken);
    for (const { statement } of await prepared()) if (statement.startsWith('SELECT')) texts.add(statement);
    expect(texts.size).toBe(4);
    expect(warnings).toEqual([]);
  });
});

describe.skipIf(!isPostgres || !existsSync(PGBOUNCER))(
  'PgBouncer in transaction mode without prepared statements',
  () => {
    let directory: string;
    let bouncer: ChildProcess;
    let port: number;

    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'authentify-pgbouncer-'));
      port = await freePort();
      const file = join(directory, 'pgbouncer.ini');
      const settings = [
        'listen_addr = 127.0.0.1',
        `listen_port = ${port}`,
        'unix_socket_dir =',
        'auth_type = any',
        'pool_mode = transaction',
        'default_pool_size = 3',
      ];
      await writeFile(file, `[databases]\ntest = host=127.0.0.1 user=postgres\n[pgbouncer]\n${settings.join('\n')}\n`);
      await chmod(directory, 0o755);
      const asOther = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
      bouncer = spawn(PGBOUNCER, [...asOther, file], { stdio: 'ignore' });
      for (let tries = 0; tries < 100 && !(await answers(port)); tries += 1) await pause(20);
    });
    afterEach(async () => {
      const gone = once(bouncer, 'exit');
      bouncer.kill('SIGKILL');
      await gone;
      await rm(directory, { recursive: true });
    });

    it('R72: neither fails nor leaks, and is told once', async () => {
      const t = await startApp({ dataSource: { port, extra: { max: 10 } } as Partial<DataSourceOptions> });
      hearWarnings();
      try {
        const user = await t.createUser();
        const clients = Array.from({ length: 10 }, async () => {
          let pair = await t.tokens.generateHeaderToken(user);
          for (let call = 0; call < 20; call += 1) {
            expect(await t.tokens.verifyToken(pair.accessToken)).not.toBeNull();
            pair = (await t.tokens.refreshToken(pair.refreshToken!))!;
          }
        });
        await Promise.all(clients);
        expect(warnings.filter((text) => text.includes('max_prepared_statements'))).toHaveLength(1);
        // Each of the three backends has at most what was prepared before it was known.
        expect((await t.dataSource.query<unknown[]>(PREPARED)).length).toBeLessThan(10);
      } finally {
        await t.close();
      }
    });
  },
);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function answers(port: number): Promise<boolean> {
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
