// A server process of its own: the compiled library, its own data source, pool, clock and HTTP port.
// `node worker.mjs <settings as JSON>`; then it does what its parent asks for over IPC, as often at once as asked.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { Controller, Get, UseGuards, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

const settings = JSON.parse(process.argv[2]);
const library = await import(settings.library);
const { AuthentifyEvents, AuthentifyModule, AuthentifyUnavailableError, AutoRefreshInterceptor } = library;
const { authTokenEntity, HeaderAuthGuard, TokenService } = library;

const systemTime = Date.now.bind(Date);
setClock({});

/** A clock that differs from its neighbours', or one that stands still. */
function setClock({ offset = 0, frozenAt }) {
  Date.now = frozenAt === undefined ? () => systemTime() + offset : () => frozenAt + offset;
}

class User {}
PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar', length: 100 })(User.prototype, 'email');
Column({ type: 'boolean', default: true })(User.prototype, 'isActive');
Entity('users')(User);
const tokenEntity = authTokenEntity(() => User);

class MeController {
  me() {
    return {};
  }
}
const me = Object.getOwnPropertyDescriptor(MeController.prototype, 'me');
UseInterceptors(AutoRefreshInterceptor)(MeController.prototype, 'me', me);
UseGuards(HeaderAuthGuard)(MeController.prototype, 'me', me);
Get('me')(MeController.prototype, 'me', me);
Controller()(MeController);

const { file, sessionSql, pool, ...reach } = settings.dataSource;
const Libsql = createRequire(import.meta.url)('libsql');
function libsql(...given) {
  return new Libsql(...given);
}
const driver = file ? { driver: libsql } : {};
const dataSource = await new DataSource({ ...reach, ...driver, entities: [User, tokenEntity] }).initialize();
if (sessionSql) {
  const runners = Array.from({ length: pool }, () => dataSource.createQueryRunner());
  await Promise.all(runners.map((runner) => runner.connect()));
  for (const runner of runners) await runner.query(sessionSql);
  await Promise.all(runners.map((runner) => runner.release()));
}
const rows = dataSource.getRepository(tokenEntity);
const happened = [];

/** One app for each set of options, all on the one pool. */
async function startApp(options) {
  const imports = [
    TypeOrmModule.forRootAsync({ useFactory: () => reach, dataSourceFactory: async () => dataSource }),
    AuthentifyModule.forRoot({ ...options, userEntity: User }),
  ];
  const root = { module: class Root {}, imports, controllers: [MeController] };
  const app = await NestFactory.create(root, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  app.get(AuthentifyEvents).subscribe((event) => {
    happened.push(event.type === 'rejected' ? `rejected: ${event.reason}` : event.type);
  });
  return app;
}
const apps = {};
for (const [name, options] of Object.entries(settings.apps)) apps[name] = await startApp(options);

const actionsOf = (tokens) => ({
  login: (user) => tokens.generateHeaderToken(user),
  refresh: (refreshToken) => tokens.refreshToken(refreshToken),
  verify: (accessToken) => tokens.verifyToken(accessToken),
  revoke: (id) => tokens.revokeToken({ id }),
  prune: () => tokens.revokeExpiredTokens(),
  events: async () => happened.splice(0),
  setClock: async (clock) => setClock(clock),
  /** The two halves of a rotation that reads, decides and then writes. */
  naiveRead: async (digest) => (await rows.findOneBy({ refreshTokenHash: digest })) !== null,
  naiveWrite: async ({ id, digest }) => (await rows.update({ id }, { refreshTokenHash: digest })).affected,
  /** A single login in two steps: end what is there, then insert. */
  naiveList: async (user) => (await rows.findBy({ user: { id: user } })).map(({ id }) => id),
  naiveEnd: async (ids) => (ids.length > 0 ? (await rows.delete(ids)).affected : 0),
});

/** A pair, a session, a count: what fits through the channel. A 503 is an answer, any other failure an error. */
async function outcomeOf({ app, action, argument }) {
  try {
    const outcome = await actionsOf(apps[app].get(TokenService))[action](argument);
    if (outcome === null || typeof outcome !== 'object' || Array.isArray(outcome)) return { value: outcome ?? null };
    const { accessToken, refreshToken, token = outcome } = outcome;
    return { value: { accessToken, refreshToken, id: token.id } };
  } catch (error) {
    return error instanceof AuthentifyUnavailableError ? { value: '503' } : { error: String(error?.stack ?? error) };
  }
}

process.on('message', async ({ call, times, ...request }) => {
  const outcomes = await Promise.all(Array.from({ length: times }, () => outcomeOf(request)));
  process.send({ call, outcomes });
});
process.on('disconnect', () => process.exit());
const portOf = ([name, app]) => [name, app.getHttpServer().address().port];
process.send({ ports: Object.fromEntries(Object.entries(apps).map(portOf)) });
