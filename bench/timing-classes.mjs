// Do the refusals that ask the database differ in time (R60)? Run `npm run build`, then
//   node bench/timing-classes.mjs [rounds]                     on sql.js, in this process
//   DATABASE_URL=postgres://… node bench/timing-classes.mjs    on PostgreSQL, in a schema of its own
// Each round sends one request of each class, in random order, over one connection. For every pair of classes the
// Mann-Whitney test gives the probability of ranks that far apart if both were alike; "unknown" is there twice, as a
// control: where that pair is significant, trust no other. A busy machine hides differences and invents none.
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';

const ROUNDS = Number(process.argv[2] ?? 2_000);
const WARM_UP = 300;
const SESSIONS = 40;
const HOUR = 3_600_000;

// The library's own copies of its peers, whatever else is installed beside this file.
const { resolve } = createRequire(new URL('../dist/index.js', import.meta.url));
const load = (name) => import(pathToFileURL(resolve(name)).href);
await load('reflect-metadata');
const { Controller, Get, Module, UseGuards } = await load('@nestjs/common');
const { NestFactory } = await load('@nestjs/core');
const { TypeOrmModule } = await load('@nestjs/typeorm');
const { Column, DataSource, Entity, PrimaryGeneratedColumn } = await load('typeorm');
const { AuthentifyModule, authTokenEntity, HeaderAuthGuard, TokenService } = await import('../dist/index.js');

class User {}
PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'boolean', default: true })(User.prototype, 'isActive');
Entity('users')(User);

class GuardedController {
  guarded() {
    return {};
  }
}
const guarded = Object.getOwnPropertyDescriptor(GuardedController.prototype, 'guarded');
Get('guarded')(GuardedController.prototype, 'guarded', guarded);
UseGuards(HeaderAuthGuard)(GuardedController.prototype, 'guarded', guarded);
Controller()(GuardedController);

const url = process.env.DATABASE_URL;
const schema = `authentify_timing_${randomBytes(4).toString('hex')}`;
const administer = async (sql) => {
  const server = await new DataSource({ type: 'postgres', url }).initialize();
  await server.query(sql);
  await server.destroy();
};
if (url) await administer(`CREATE SCHEMA ${schema}`);

class AppModule {}
Module({
  imports: [
    TypeOrmModule.forRoot({
      ...(url ? { type: 'postgres', url, schema } : { type: 'sqljs' }),
      entities: [User, authTokenEntity(() => User)],
      synchronize: true,
    }),
    AuthentifyModule.forRoot({ userEntity: User, tokenTtl: '1h', keepExpiredTokens: true }),
  ],
  controllers: [GuardedController],
})(AppModule);
const app = await NestFactory.create(AppModule, { logger: false });
await app.listen(0, '127.0.0.1');

const tokens = app.get(TokenService);
const users = app.get(DataSource).getRepository(User);
const rows = app.get(DataSource).getRepository(authTokenEntity(() => User));
const many = (make) => Promise.all(Array.from({ length: SESSIONS }, make));
const login = async (transport = 'Header') => tokens[`generate${transport}Token`](await users.save({ isActive: true }));

/** Tokens of each class; none is used often enough to be special. */
const classes = {
  unknown: await unknown(),
  'unknown (control)': await unknown(),
  expired: await many(async () => {
    const { accessToken, token } = await login();
    await rows.update(token.id, { expiresAt: new Date(Date.now() - HOUR) });
    return accessToken;
  }),
  revoked: await many(async () => {
    const { accessToken, token } = await login();
    await tokens.revokeToken(token);
    return accessToken;
  }),
  'wrong transport': await many(async () => (await login('Cookie')).accessToken),
  'inactive user': await many(async () => {
    const { accessToken, token } = await login();
    await users.update(token.userId, { isActive: false });
    return accessToken;
  }),
};

/** Well-formed tokens whose rows are gone. */
function unknown() {
  return many(async () => {
    const { accessToken, token } = await login();
    await rows.delete(token.id);
    return accessToken;
  });
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const { port } = app.getHttpServer().address();
const timeOf = (accessToken) =>
  new Promise((done, fail) => {
    const headers = { Authorization: `Bearer ${accessToken}` };
    const began = performance.now();
    request({ port, host: '127.0.0.1', path: '/guarded', headers, agent }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 401) done(performance.now() - began);
        else fail(new Error(`Expected a 401, got ${response.statusCode}`));
      });
    })
      .on('error', fail)
      .end();
  });

const names = Object.keys(classes);
const times = Object.fromEntries(names.map((name) => [name, []]));
for (let round = -WARM_UP; round < ROUNDS; round += 1) {
  for (const name of shuffled(names)) {
    const took = await timeOf(classes[name][Math.floor(Math.random() * SESSIONS)]);
    if (round >= 0) times[name].push(took);
  }
}
agent.destroy();
await app.close();
if (url) await administer(`DROP SCHEMA ${schema} CASCADE`);

console.log(`${ROUNDS} requests of each class on ${url ? 'PostgreSQL' : 'sql.js'}`);
for (const name of names) console.log(`${name.padEnd(20)} median ${median(times[name]).toFixed(3)} ms`);
for (const [index, one] of names.entries()) {
  for (const other of names.slice(index + 1)) {
    const { p, chance } = compare(times[one], times[other]);
    console.log(`${one} < ${other}`.padEnd(40), `in ${(100 * chance).toFixed(1)} % of pairs, p = ${p.toPrecision(2)}`);
  }
}

function shuffled(list) {
  return list
    .map((value) => [Math.random(), value])
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value);
}

function median(list) {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
}

/** Mann-Whitney U, normal approximation: how likely the one is faster than the other, and a two-sided p-value. */
function compare(one, other) {
  const all = [...one.map((time) => [time, 1]), ...other.map((time) => [time, 0])].toSorted(([a], [b]) => a - b);
  const ranks = all.reduce((sum, [, isOne], rank) => sum + isOne * (rank + 1), 0);
  const pairs = one.length * other.length;
  const u = ranks - (one.length * (one.length + 1)) / 2;
  const z = (u - pairs / 2) / Math.sqrt((pairs * (one.length + other.length + 1)) / 12);
  return { chance: 1 - u / pairs, p: 2 * upperTail(Math.abs(z)) };
}

/** P(Z > z) of the standard normal distribution, to seven digits (Abramowitz and Stegun 26.2.17). */
function upperTail(z) {
  const t = 1 / (1 + 0.2316419 * z);
  const series = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const sum = series.reduceRight((rest, factor) => (rest + factor) * t, 0);
  return (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}
