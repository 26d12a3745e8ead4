// A server process in a storm, and its clients: node node.mjs <settings as JSON>, forked by ../storms.mjs.
import 'reflect-metadata';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Body, Controller, Get, HttpCode, Post, UnauthorizedException, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyEvents, AuthentifyModule, HeaderAuthGuard, TokenService } from '../../dist/index.js';
import { ENTITIES, User } from '../support/entities.mjs';

const { dataSource, options } = JSON.parse(process.argv[2]);
const CLIENTS = 10;
const THINKING_MS = 20;

class Routes {
  constructor(tokens) {
    this.tokens = tokens;
  }
  async login({ userId }) {
    const { accessToken, refreshToken } = await this.tokens.generateHeaderToken(userId);
    return { accessToken, refreshToken };
  }
  async refresh({ refreshToken }) {
    const issued = await this.tokens.refreshToken(refreshToken);
    if (!issued) throw new UnauthorizedException();
    return { accessToken: issued.accessToken, refreshToken: issued.refreshToken };
  }
  me() {
    return {};
  }
}
const ROUTES = {
  login: [Post('login')],
  refresh: [Post('refresh'), HttpCode(200)],
  me: [Get('me'), UseGuards(HeaderAuthGuard)],
};
for (const [name, decorators] of Object.entries(ROUTES)) {
  const descriptor = Object.getOwnPropertyDescriptor(Routes.prototype, name);
  for (const decorator of decorators) decorator(Routes.prototype, name, descriptor);
  if (name !== 'me') Body()(Routes.prototype, name, 0);
}
Controller()(Routes);
Reflect.defineMetadata('design:paramtypes', [TokenService], Routes);

const app = await NestFactory.create(
  {
    module: class Root {},
    imports: [
      TypeOrmModule.forRoot({ ...dataSource, entities: ENTITIES, retryAttempts: 0 }),
      AuthentifyModule.forRoot({ ...options, userEntity: User }),
    ],
    controllers: [Routes],
  },
  { logger: false, abortOnError: false },
);
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

const statuses = {};
/** When the requests that got no good answer began and ended. */
const failures = [];
let falseReuses = 0;
app.get(AuthentifyEvents).subscribe(({ type }) => {
  if (type === 'reuse-detected') falseReuses += 1;
});

async function ask(path, { headers, ...request }) {
  const began = Date.now();
  const response = await fetch(url + path, {
    ...request,
    headers: { 'content-type': 'application/json', ...headers },
  });
  const answer = await response.json();
  const name = `${path.slice(1)} ${response.status}`;
  statuses[name] = (statuses[name] ?? 0) + 1;
  if (!response.ok) failures.push([began, Date.now()]);
  return response.ok ? answer : undefined;
}

const storm = { isOver: false };
const post = (path, body) => ask(path, { method: 'POST', body: JSON.stringify(body) });
async function live(userId) {
  let pair;
  let mustRefresh = false;
  for (let step = 1; !storm.isOver; step += 1) {
    if (!pair) pair = await post('/login', { userId });
    else if (mustRefresh || step % 5 === 0) {
      const next = await post('/refresh', pair);
      // What came of a refresh that was not answered, only the refresh can tell.
      mustRefresh = !next;
      pair = next ?? pair;
    } else await ask('/me', { headers: { authorization: `Bearer ${pair.accessToken}` } });
    await pause(THINKING_MS);
  }
  return pair;
}

const ready = Array.from({ length: CLIENTS }, (_, index) => live(index + 1));
process.send('ready');
await once(process, 'message');

storm.isOver = true;
const pairs = await Promise.all(ready);
const counted = { ...statuses };
let lost = 0;
for (const pair of pairs) if (!pair || !(await post('/refresh', pair))) lost += 1;
process.send({ statuses: counted, failures, falseReuses, lost });
process.disconnect();
await app.close();
