// How long a page of the admin takes with a million sessions on PostgreSQL (127.0.0.1, database `test`):
//   npm run build && node bench/admin-pages.mjs [sessions] [users]
// Fills a schema of its own, asks over HTTP, prints milliseconds per kind of page, drops the schema.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Column, DataSource, Entity, PrimaryColumn } from 'typeorm';
import { AuthentifyAdminModule } from '../dist/admin/index.js';
import { AuthentifyModule } from '../dist/index.js';

const SESSIONS = Number(process.argv[2] ?? 1_000_000);
const USERS = Number(process.argv[3] ?? 100_000);
const REQUESTS = 300;
const DAY = 86_400_000;
const NOW = Date.now();
const FIRST = NOW - 90 * DAY;
const SCHEMA = `authentify_bench_${process.pid}`;

class User {}
Entity('users')(User);
PrimaryColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar', length: 100 })(User.prototype, 'email');

const server = { type: 'postgres', host: '127.0.0.1', port: 5432, username: 'postgres', database: 'test' };

class Bench {
  static at = [
    TypeOrmModule.forRoot({ ...server, schema: SCHEMA, autoLoadEntities: true, entities: [User], synchronize: true }),
    AuthentifyModule.forRoot({ userEntity: User, keepExpiredTokens: true }),
    AuthentifyAdminModule.register({
      path: 'admin',
      guards: [{ canActivate: () => true }],
      searchColumns: ['email'],
    }),
  ];
}

/** Ten sessions a user; a tenth of all, the oldest ones, user 1's; a few revoked, all of them long ago. */
const FILL = `
INSERT INTO auth_tokens (id, user_id, auth_type, context, created_at, last_refreshed_at, expires_at, refresh_until,
  revoked_at, revoked_reason, access_token_hash, refresh_token_hash, refresh_family_hash, prune_at)
SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7' || substr(md5(n::text), 1, 3) || '-8' ||
    substr(md5(n::text), 4, 3) || '-' || substr(md5(n::text), 7, 12),
  CASE WHEN n < ${SESSIONS / 10} THEN 1 ELSE 1 + (n * 7919::bigint) % ${USERS} END,
  'header', '{"device":"' || md5(n::text) || '"}', at, at, at + 3600000, at + ${7 * DAY},
  CASE WHEN n % 50000 = 1 AND n < ${SESSIONS / 2} THEN at + 1 END, CASE WHEN n % 50000 = 1 AND n < ${SESSIONS / 2} THEN 'revoked' END,
  md5(n::text) || md5(n::text), md5(n::text), md5(n || 'family'),
  CASE WHEN n % 50000 = 1 AND n < ${SESSIONS / 2} THEN NULL ELSE at + ${7 * DAY} END
FROM (SELECT n, at, lpad(to_hex(at), 12, '0') AS hex
  FROM (SELECT n, ${FIRST} + n * ${NOW - FIRST}::bigint / ${SESSIONS} AS at FROM generate_series(0, ${SESSIONS - 1}) AS n) AS one) AS two`;

/** What months of use do: a third of the rows was written again, elsewhere on the disk. */
const USE = 'UPDATE auth_tokens SET prune_at = prune_at + 1 WHERE abs(hashtext(id)) % 3 = 0';

const day = (ago) => new Date(NOW - ago * DAY).toISOString();
const VIEWS = {
  'no database: a file of the page': () => ({ file: 'admin.css' }),
  'list, newest': () => ({}),
  'list, deep': ({ at }) => ({ after: at }),
  active: () => ({ state: 'active' }),
  idle: () => ({ state: 'idle' }),
  expired: () => ({ state: 'expired' }),
  'expired, deep': ({ at }) => ({ state: 'expired', after: at }),
  'active, deep: none to find': ({ at }) => ({ state: 'active', after: at }),
  'ended: 10 in all': () => ({ state: 'ended' }),
  'ended, deep': ({ at }) => ({ state: 'ended', after: at }),
  'created in a week': ({ ago }) => ({ createdFrom: day(ago + 7), createdTo: day(ago) }),
  'created in a week, active': ({ ago }) => ({ createdFrom: day(ago + 7), createdTo: day(ago), state: 'active' }),
  'expires in a day': ({ ago }) => ({ expiresFrom: day(ago + 1), expiresTo: day(ago) }),
  'expires in a day, created in a month, ended': ({ ago }) => ({
    expiresFrom: day(ago + 1),
    expiresTo: day(ago),
    createdFrom: day(60),
    createdTo: day(30),
    state: 'ended',
  }),
  'a user': ({ n }) => ({ user: 2 + n }),
  'a user, expired, created': ({ n }) => ({
    user: 2 + n,
    state: 'expired',
    createdFrom: day(60),
    createdTo: day(1),
  }),
  'a user with a tenth of all sessions': () => ({ user: 1 }),
  'the same, deep': ({ at }) => ({ user: 1, after: at }),
  'the same, active: none to find': () => ({ user: 1, state: 'active' }),
  'the same, ended': () => ({ user: 1, state: 'ended' }),
  'search: by key': ({ n }) => ({ search: 17 * n + 1 }),
  'search: one user': ({ n }) => ({ search: `user${n * 17}@` }),
  'search: many users': ({ n }) => ({ search: `user${n % 10}` }),
  'search: nobody': () => ({ search: 'nobody' }),
};

function idAt(time) {
  const hex = Math.floor(time).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

async function measure(url, name, view) {
  const times = [];
  let found = 0;
  for (let n = 0; n < REQUESTS; n += 1) {
    const share = n / REQUESTS;
    const query = new URLSearchParams(view({ at: idAt(FIRST + share * (NOW - FIRST)), ago: share * 90, n }));
    const begin = performance.now();
    const file = query.get('file');
    const path = file ? `page/${file}` : `${query.has('search') ? 'users' : 'sessions'}?${query}`;
    const answer = await fetch(`${url}/admin/${path}`);
    const body = file ? await answer.text() : await answer.json();
    times.push(performance.now() - begin);
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${body.message}`);
    found += (body.sessions ?? body.users ?? []).length;
  }
  times.sort((one, other) => one - other);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(1).padStart(8);
  console.log(`${name.padEnd(48)}${at(0.5)}${at(0.95)}${at(0.99)}${at(1)}${(found / REQUESTS).toFixed(1).padStart(8)}`);
}

const admin = await new DataSource(server).initialize();
await admin.query(`CREATE SCHEMA ${SCHEMA}`);
let app;
try {
  app = await NestFactory.create({ module: Bench, imports: Bench.at }, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address();
  await admin.query(`SET search_path TO ${SCHEMA}`);
  await admin.query(`INSERT INTO users SELECT n, 'user' || n || '@example.com' FROM generate_series(1, ${USERS}) AS n`);
  await admin.query(FILL);
  await admin.query(USE);
  await admin.query('VACUUM ANALYZE auth_tokens');
  await admin.query('ANALYZE users');
  console.log(`${SESSIONS} sessions, ${USERS} users, ${REQUESTS} requests each, milliseconds and rows found`);
  console.log(`${''.padEnd(48)}${['p50', 'p95', 'p99', 'max', 'rows'].map((title) => title.padStart(8)).join('')}`);
  for (const [name, view] of Object.entries(VIEWS)) await measure(`http://127.0.0.1:${port}`, name, view);
} finally {
  await app?.close();
  await admin.query(`DROP SCHEMA ${SCHEMA} CASCADE`);
  await admin.destroy();
}
