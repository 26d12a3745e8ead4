// The life of sessions on one database, each outcome exact: node walk.mjs '{"options": {"type": …}, "driver": {…}}'
// Runs in an app outside of this repository, with the packed library.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { Controller, Get, Logger, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AuthentifyEvents,
  AuthentifyModule,
  AuthentifyUserNotFoundError,
  authTokenEntity,
  HeaderAuthGuard,
  TokenService,
} from 'nestjs-authentify';
import { AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { createAuthTokens } from 'nestjs-authentify/migrations';
import { travel, travelBack } from 'nestjs-authentify/testing';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

class User {}
PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar', length: 100 })(User.prototype, 'name');
Entity('users')(User);

class MeController {
  me() {
    return { ok: true };
  }
}
Get('me')(MeController.prototype, 'me', Object.getOwnPropertyDescriptor(MeController.prototype, 'me'));
UseGuards(HeaderAuthGuard)(MeController);
Controller()(MeController);

class CreateAuthTokens1767225600000 extends createAuthTokens({ userTable: 'users' }) {}

/** What the server says of one connection: the names of our prepared statements, or how often it ran prepared ones. */
const PREPARED = {
  postgres: async (queryRunner) => {
    const found = await queryRunner.query(
      "SELECT name, statement FROM pg_prepared_statements WHERE name LIKE 'authentify%'",
    );
    assert.equal(new Set(found.map(({ statement }) => statement)).size, found.length, 'one name for each statement');
    return found.length;
  },
  mysql: async (queryRunner) =>
    Number((await queryRunner.query("SHOW SESSION STATUS LIKE 'Com_stmt_execute'"))[0].Value),
};
PREPARED.mariadb = PREPARED.mysql;

/** Holds every connection of the pool at once, to ask each of them. */
async function preparedBy(dataSource, { type, extra }) {
  if (!PREPARED[type]) return undefined;
  const connections = Array.from({ length: extra.max ?? extra.connectionLimit }, () => dataSource.createQueryRunner());
  await Promise.all(connections.map((connection) => connection.connect()));
  const counts = await Promise.all(connections.map((connection) => PREPARED[type](connection)));
  await Promise.all(connections.map((connection) => connection.release()));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Ten times `work`, one after the other: by our own prepared statement, or by TypeORM. */
async function assertPrepared(dataSource, options, isPrepared, work) {
  await work();
  const before = await preparedBy(dataSource, options);
  const { createQueryRunner } = dataSource;
  let byTypeOrm = 0;
  dataSource.createQueryRunner = function counted(...args) {
    byTypeOrm += 1;
    return createQueryRunner.apply(this, args);
  };
  for (let n = 0; n < 10; n += 1) await work();
  delete dataSource.createQueryRunner;
  assert.equal(byTypeOrm, isPrepared ? 0 : 10);
  const after = await preparedBy(dataSource, options);
  if (options.type === 'postgres') assert.equal(after > 0, isPrepared);
  else if (after !== undefined) assert.equal(after - before, isPrepared ? 10 : 0);
}

const warnings = [];
Logger.overrideLogger({
  log() {},
  debug() {},
  verbose() {},
  warn: (message) => warnings.push(String(message)),
  error: (message) => warnings.push(String(message)),
  fatal: (message) => warnings.push(String(message)),
});

async function walk(options, { isPrepared, isSameTable }) {
  // The users first, as an app has them, then our table by the shipped migration.
  const before = await new DataSource({ ...options, entities: [User], synchronize: true }).initialize();
  if (options.type !== 'sqljs') await before.destroy();
  class AppModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot({
        ...options,
        entities: [User, authTokenEntity(() => User)],
        ...(options.type === 'sqljs' && { database: before.driver.export() }),
        migrations: [CreateAuthTokens1767225600000],
        migrationsRun: true,
        synchronize: false,
      }),
      AuthentifyModule.forRoot({
        userEntity: User,
        tokenTtl: '15m',
        refreshTokenTtl: '7d',
        autoRefresh: true,
        autoRefreshInterval: '1m',
        autoRefreshMaxTtl: '30d',
        maxSessionsPerUser: 3,
        keepExpiredTokens: '1d',
        hashSecrets: ['a key of thirty-two bytes or more, for tests'],
      }),
      AuthentifyAdminModule.register({ path: 'admin', guards: [HeaderAuthGuard], searchColumns: ['name'] }),
    ],
    controllers: [MeController],
  })(AppModule);
  const app = await NestFactory.create(AppModule, { abortOnError: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const dataSource = app.get(DataSource);
  const tokens = app.get(TokenService);
  const rows = dataSource.getRepository(authTokenEntity(() => User));
  const told = [];
  app.get(AuthentifyEvents).subscribe(({ type }) => told.push(type));
  const request = async (path, token, init = {}) => {
    const headers = { ...(token && { authorization: `Bearer ${token}` }), 'content-type': 'application/json' };
    const response = await fetch(`${url}${path}`, { ...init, headers });
    const text = await response.text();
    return response.ok ? JSON.parse(text) : response.status;
  };
  try {
    // At boot: the table is what the entity expects, and nothing is warned of.
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    if (isSameTable) assert.deepEqual(upQueries, []);
    assert.deepEqual(warnings, []);
    const ada = await dataSource.getRepository(User).save({ name: 'Ada' });
    const bob = await dataSource.getRepository(User).save({ name: 'Bob' });

    // Login and verification; a context comes back as it was, and errors are told apart.
    const first = await tokens.generateHeaderToken(ada, { context: { device: 'Ada’s 📱', n: [1, null, true] } });
    assert.deepEqual(
      { ...(await tokens.verifyToken(first.accessToken, 'header')).contextObj },
      { device: 'Ada’s 📱', n: [1, null, true] },
    );
    assert.equal(await tokens.verifyToken(first.accessToken, 'cookie'), null);
    assert.deepEqual(await request('/me', first.accessToken), { ok: true });
    assert.equal(await request('/me'), 401);
    await assert.rejects(tokens.generateHeaderToken(999_999), AuthentifyUserNotFoundError);
    const many = await Promise.all(Array.from({ length: 50 }, () => tokens.verifyToken(first.accessToken)));
    assert.ok(many.every((token) => token.id === first.token.id && token.user.name === 'Ada'));

    // The way statements take: prepared once, and never again.
    await assertPrepared(dataSource, options, isPrepared, () => tokens.verifyToken(first.accessToken));

    // A slide: after the interval, once, and the session goes on for its own lifetime.
    travel('2m');
    await Promise.all(Array.from({ length: 5 }, () => request('/me', first.accessToken)));
    const slid = await tokens.verifyToken(first.accessToken);
    assert.ok(slid.expiresAt.getTime() - first.token.expiresAt.getTime() >= 120_000);
    assert.equal(told.filter((type) => type === 'slid').length, 1);

    // A rotation; two tabs at once and a retry get the same pair.
    const pairs = await Promise.all([1, 2].map(() => tokens.refreshToken(first.refreshToken)));
    const again = await tokens.refreshToken(first.refreshToken);
    assert.equal(new Set([...pairs, again].map(({ accessToken }) => accessToken)).size, 1);
    assert.equal(told.filter((type) => type === 'refreshed').length, 1);
    assert.equal(told.filter((type) => type === 'replayed').length, 2);
    assert.equal(await tokens.verifyToken(first.accessToken), null);
    assert.equal((await tokens.verifyToken(again.accessToken)).id, first.token.id);

    // Reuse: an old token after the grace period ends the session, once.
    travel('31s');
    assert.equal(await tokens.refreshToken(first.refreshToken), null);
    assert.equal(await tokens.refreshToken(first.refreshToken), null);
    assert.equal(await tokens.verifyToken(again.accessToken), null);
    assert.equal(await tokens.refreshToken(again.refreshToken), null);
    assert.equal(told.filter((type) => type === 'reuse-detected').length, 1);
    assert.equal((await rows.findOneByOrFail({ id: first.token.id })).revokedReason, 'reuse-detected');

    // The limit: whoever logged in last stays, also of logins at once.
    const logins = [];
    for (let n = 0; n < 5; n += 1) logins.push(await tokens.generateCookieToken(ada));
    const ids = async (user) => (await tokens.listUserTokens(user)).map(({ id }) => id);
    assert.deepEqual(
      await ids(ada),
      logins
        .slice(2)
        .map(({ token }) => token.id)
        .toReversed(),
    );
    await Promise.all(Array.from({ length: 6 }, () => tokens.generateHeaderToken(bob)));
    assert.equal((await ids(bob)).length, 3);

    // Ending: one of one's own, all but one, never somebody else's.
    const [one, two, three] = await ids(ada);
    assert.equal(await tokens.revokeUserToken(bob, one), 0);
    assert.equal(await tokens.revokeUserToken(ada, two), 1);
    assert.equal(await tokens.revokeUserToken(ada, two), 0);
    assert.equal(await tokens.revokeAllUserTokens(ada, { except: logins[4].token }), 1);
    assert.deepEqual(await ids(ada), [one]);
    assert.equal(await tokens.verifyToken(logins[4].accessToken, 'cookie').then((token) => token?.id), one);
    assert.ok((await rows.findOneByOrFail({ id: three })).revokedAt);

    // In the app's transaction: gone with its rollback.
    let gone;
    await assert.rejects(
      dataSource.transaction(async (manager) => {
        gone = await tokens.generateHeaderToken(ada, { manager });
        assert.equal((await tokens.verifyToken(gone.accessToken, undefined, { manager })).id, gone.token.id);
        throw new RangeError('rolled back');
      }),
      RangeError,
    );
    assert.equal(await tokens.verifyToken(gone.accessToken), null);
    assert.ok(!(await ids(ada)).includes(gone.token.id));

    // The admin: lists, searches, and ends.
    const admin = await tokens.generateHeaderToken(bob);
    const listed = await request(`/admin/sessions?user=${ada.id}&state=active`, admin.accessToken);
    assert.deepEqual(
      listed.sessions.map(({ id, userLabel }) => [id, userLabel]),
      [[one, 'Ada']],
    );
    assert.deepEqual(await request('/admin/users?search=ad', admin.accessToken), {
      users: [{ id: ada.id, label: 'Ada' }],
    });
    await request(`/admin/sessions/${one}/revoke`, admin.accessToken, { method: 'POST', body: '{}' });
    assert.deepEqual(await ids(ada), []);

    // Pruning: what ran out ends, what ended long ago goes, and then nothing is due.
    assert.equal(await rows.count(), 13);
    assert.equal(await tokens.revokeExpiredTokens(), 0);
    travel('8d');
    assert.equal(await tokens.revokeExpiredTokens(), 13);
    assert.deepEqual(
      (await rows.find()).map(({ revokedReason }) => revokedReason),
      ['expired', 'expired', 'expired'],
    );
    assert.equal(await tokens.revokeExpiredTokens(), 0);
    travel('2d');
    assert.equal(await tokens.revokeExpiredTokens(), 3);
    assert.equal(await rows.count(), 0);

    // A user's sessions go with the user.
    const last = await tokens.generateHeaderToken(ada);
    await dataSource.getRepository(User).delete(ada.id);
    assert.equal(await tokens.verifyToken(last.accessToken), null);
    assert.equal(await rows.count(), 0);
    assert.deepEqual(warnings, [`Refresh token reuse: session ${first.token.id} was ended`]);
    console.log(isPrepared ? 'good, by prepared statements' : 'good, by statements that TypeORM sends');
  } finally {
    travelBack();
    await app.close();
  }
}

/** What TypeORM takes as `driver`. Its 0.3.20 calls SQLite's without `new`, which libsql's class refuses. */
function driverOf(path, { directory }) {
  const driver = createRequire(import.meta.url)(path);
  if (driver.PGliteDriver) return new driver.PGliteDriver({ dataDir: directory }).driver;
  if (basename(path) !== 'libsql') return driver;
  return function open(...args) {
    return new driver(...args);
  };
}

const { options, driver, expected } = JSON.parse(process.argv[2]);
try {
  await walk({ ...options, driver: driverOf(driver, options) }, expected);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
