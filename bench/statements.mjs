// How many statements each operation sends: npm run bench:ci (after npm run build; PostgreSQL on 127.0.0.1)
// Counts at the driver, so it is the same on any machine; fails where a number is another than it should be.
import { Controller, Get, Module, UseGuards, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AuthentifyModule, AutoRefreshInterceptor, HeaderAuthGuard, TokenService } from '../dist/index.js';
import { decorate } from './support/decorate.mjs';
import { User } from './support/entities.mjs';
import { dataSourceOptions, pg, withSchema } from './support/postgres.mjs';
import { table } from './support/report.mjs';

const MINUTE = 60_000;
const STORM = 1_000;

/** Every statement that leaves this process, and how many look-ups were under way at most. */
const sent = { statements: [], selects: 0, mostSelects: 0 };
/** UPDATEs wait here until so many have come, so that a race is always one. */
const gate = { size: 0, waiting: [] };

const { query } = pg.Client.prototype;
pg.Client.prototype.query = function count(config, ...rest) {
  const text = typeof config === 'string' ? config : config.text;
  const verb = text.trim().split(' ', 1)[0].toUpperCase();
  sent.statements.push(verb);
  const answer =
    verb === 'UPDATE' && gate.size > 0 ? held(() => query.call(this, config)) : query.call(this, config, ...rest);
  if (verb === 'SELECT' && answer instanceof Promise) {
    sent.selects += 1;
    sent.mostSelects = Math.max(sent.mostSelects, sent.selects);
    void countDown(answer);
  }
  return answer;
};

async function countDown(answer) {
  await Promise.allSettled([answer]);
  sent.selects -= 1;
}

function held(send) {
  const answer = new Promise((done) => {
    gate.waiting.push(() => done(send()));
  });
  if (gate.waiting.length === gate.size) for (const open of gate.waiting.splice(0)) open();
  return answer;
}

async function during(work) {
  sent.statements = [];
  sent.mostSelects = 0;
  await work();
  return sent.statements.join(' ') || 'none';
}

class MeController {
  me(request) {
    return { id: request.user.id };
  }
  sliding(request) {
    return { id: request.user.id };
  }
}
decorate(
  MeController,
  {
    me: [Get('me'), UseGuards(HeaderAuthGuard)],
    sliding: [Get('sliding'), UseGuards(HeaderAuthGuard), UseInterceptors(AutoRefreshInterceptor)],
  },
  Controller(),
);

async function startApp(schema, options, controllers = []) {
  class AppModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot(dataSourceOptions(schema)),
      AuthentifyModule.forRoot({ userEntity: User, tokenTtl: '1h', refreshTokenTtl: '7d', ...options }),
    ],
    controllers,
  })(AppModule);
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error'], abortOnError: false });
  await app.init();
  return app;
}

/** Moves the clock, for work that asks what time it is. */
async function later(milliseconds, work) {
  const { now } = Date;
  Date.now = () => now() + milliseconds;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

/** What each operation sent, as `[operation, expected, found]`. */
async function count(schema) {
  const sliding = { autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' };
  const app = await startApp(schema, sliding, [MeController]);
  const limited = await startApp(schema, { enforceSingleLogin: true });
  try {
    const tokens = app.get(TokenService);
    const users = app.get(DataSource).getRepository(User);
    let lastId = 0;
    const createUser = async () => {
      lastId += 1;
      await users.insert({ id: lastId, email: `user${lastId}@example.com`, name: 'User', passwordHash: 'none' });
      return lastId;
    };
    const login = async () => tokens.generateHeaderToken(await createUser());
    const get = async (path, token) => {
      const answer = await app.inject({ url: path, headers: { authorization: `Bearer ${token}` } });
      return answer.statusCode;
    };
    const found = [];
    const expect = async (operation, expected, work) => found.push([operation, expected, await during(work)]);

    const session = await login();
    await expect('verification', 'SELECT', () => tokens.verifyToken(session.accessToken));
    await expect('request with a good token', 'SELECT', () => get('/me', session.accessToken));
    await expect('request with a malformed token', 'none', () => get('/me', 'af_at_nonsense'));
    const user = await createUser();
    await expect('login', 'INSERT', () => tokens.generateHeaderToken(user));
    const limitedTokens = limited.get(TokenService);
    await limitedTokens.generateHeaderToken(user);
    await expect('login with a limit', 'SELECT INSERT SELECT DELETE', () => limitedTokens.generateHeaderToken(user));

    const refresh = () => tokens.refreshToken(session.refreshToken);
    await expect('refresh', 'SELECT UPDATE', refresh);
    await expect('refresh, retried', 'SELECT', refresh);
    const raced = await login();
    gate.size = 2;
    const both = () => Promise.all([tokens.refreshToken(raced.refreshToken), tokens.refreshToken(raced.refreshToken)]);
    const race = (await during(both)).split(' ').toSorted().join(' ');
    gate.size = 0;
    found.push([
      'two refreshes that race: two of the winner, three of the loser',
      'SELECT SELECT SELECT UPDATE UPDATE',
      race,
    ]);

    const slid = await login();
    await later(6 * MINUTE, () => expect('slide', 'SELECT UPDATE', () => get('/sliding', slid.accessToken)));
    const stormed = await login();
    const storm = () => Promise.all(Array.from({ length: STORM }, () => get('/sliding', stormed.accessToken)));
    let statuses = [];
    const statements = await during(() =>
      later(6 * MINUTE, async () => {
        statuses = await storm();
      }),
    );
    const updates = statements.split(' ').filter((verb) => verb === 'UPDATE').length;
    const good = statuses.filter((status) => status === 200).length;
    const label = `${STORM} requests at once on a session due to slide`;
    found.push([`${label}: answered`, String(STORM), String(good)]);
    found.push([`${label}: SELECTs under way at a time`, '1', String(sent.mostSelects)]);
    found.push([`${label}: UPDATEs`, '1', String(updates)]);
    await expect('ending a session', 'DELETE', () => tokens.revokeToken(session.token));
    return found;
  } finally {
    await app.close();
    await limited.close();
  }
}

const found = await withSchema('statements', count);
const rows = found.map(([operation, expected, actual]) => [
  operation,
  actual,
  actual === expected ? '' : `expected ${expected}`,
]);
console.log(table(['operation', 'statements', ''], rows));
const wrong = found.filter(([, expected, actual]) => actual !== expected);
console.log(wrong.length === 0 ? '\nAs it should be.' : `\n${wrong.length} differ.`);
process.exitCode = wrong.length === 0 ? 0 : 1;
