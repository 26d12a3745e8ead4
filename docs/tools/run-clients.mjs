// Runs what the guides show, as check-snippets.mjs compiled it, in an app with a database: the program of guide/mobile.md
// and the rendering server of guide/ssr.md, each with an access token that has run out, twice at once; the resolver of
// guide/graphql.md and the gateway of guide/websockets.md.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ApolloDriver } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GraphQLModule } from '@nestjs/graphql';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { TypeOrmModule } from '@nestjs/typeorm';
import { io } from 'socket.io-client';
import { ROOT } from './markdown.mjs';

const load = (path) => import(pathToFileURL(join(ROOT, path)).href);
const snippet = (path) => load(`build/snippets/out/${path}`);

const { AuthentifyModule } = await load('dist/index.js');
const { travel } = await load('dist/testing/index.js');
const { User } = await snippet('docs-guide-browser/src/user.entity.js');
const { UserService } = await snippet('docs-guide-browser/src/user.service.js');
const { AuthController } = await snippet('docs-guide-browser/src/auth.controller.js');
const { WebAuthController } = await snippet('docs-guide-browser/src/web-auth.controller.js');
const { AccountResolver } = await snippet('docs-guide-graphql/src/account.resolver.js');
const { UserService: ResolversUserService } = await snippet('docs-guide-graphql/src/user.service.js');
const { NewsGateway } = await snippet('docs-guide-websockets/src/news.gateway.js');

class App {}
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true }),
    TypeOrmModule.forFeature([User]),
    GraphQLModule.forRoot({ driver: ApolloDriver, autoSchemaFile: true }),
    AuthentifyModule.forRoot({
      userEntity: User,
      tokenTtl: '1h',
      refreshTokenTtl: '7d',
      sessionRoutes: { path: 'auth' },
    }),
  ],
  controllers: [AuthController, WebAuthController],
  providers: [UserService, { provide: ResolversUserService, useExisting: UserService }, AccountResolver, NewsGateway],
})(App);

const app = await NestFactory.create(App, { logger: ['error', 'warn'] });
app.useWebSocketAdapter(new IoAdapter(app));
await app.listen(0, '127.0.0.1');
const url = await app.getUrl();

function login(path) {
  const body = JSON.stringify({ email: 'ada@example.com', password: 'correct horse' });
  return fetch(url + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
}

async function program() {
  const { ApiClient, LoggedOut } = await snippet('docs-guide-mobile/src/api-client.js');
  let stored = await (await login('/auth/login')).json();
  const first = stored;
  let saved = 0;
  const store = {
    load: async () => stored,
    save: async (pair) => {
      stored = pair;
      saved += 1;
    },
  };
  const client = new ApiClient(url, store);
  assert.equal((await client.fetch('/auth/me')).status, 200);
  travel('61m');
  const answers = await Promise.all([
    client.fetch('/auth/me'),
    client.fetch('/auth/me'),
    client.fetch('/auth/sessions'),
  ]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.equal(saved, 1, 'refreshed once');
  assert.notEqual(stored.refreshToken, first.refreshToken);
  await client.logout();
  await assert.rejects(client.fetch('/auth/me'), LoggedOut);
  console.log('guide/mobile.md: three requests with a token that has run out, one refresh; logged out');
}

async function renderingServer() {
  process.env.API_URL = url;
  const { apiAsUser } = await snippet('docs-guide-ssr/src/api-as-user.js');
  const cookie = (await login('/web/login')).headers
    .getSetCookie()
    .map((line) => line.split(';', 1)[0])
    .join('; ');
  travel('61m');
  const tabs = [1, 2].map(() => ({ cookie, setCookies: [] }));
  const answers = await Promise.all(
    tabs.flatMap((visit) => [apiAsUser(visit, '/web/me'), apiAsUser(visit, '/web/me')]),
  );
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  const [one, other] = tabs.map((visit) => visit.setCookies.map((line) => line.split(';', 1)[0]));
  assert.equal(one.length, 2);
  assert.deepEqual(one, other, 'both tabs get the same pair');
  assert.notEqual(tabs[0].cookie, cookie);
  assert.equal((await apiAsUser({ cookie: tabs[0].cookie, setCookies: [] }, '/web/me')).status, 200);
  assert.equal((await apiAsUser({ cookie: '', setCookies: [] }, '/web/me')).status, 401);
  console.log('guide/ssr.md: two tabs rendered with a token that has run out, one new pair for both');
}

async function ask(query, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
  return response.json();
}

async function resolver() {
  const credentials = 'email: "ada@example.com", password: "correct horse"';
  const { data } = await ask(`mutation { login(${credentials}) { accessToken refreshToken } }`);
  const { accessToken } = data.login;
  assert.equal((await ask('{ me { email } }', accessToken)).data.me.email, 'ada@example.com');
  assert.equal((await ask('mutation { logout }', accessToken)).data.logout, 1);
  const { errors } = await ask('{ me { email } }', accessToken);
  assert.equal(errors[0].extensions.code, 'UNAUTHENTICATED');
  assert.equal(errors[0].extensions.originalError.errorCode, 'invalid_token');
  console.log('guide/graphql.md: logged in, asked, logged out, refused');
}

async function gateway() {
  const { accessToken } = await (await login('/auth/login')).json();
  const told = (socket, event) => new Promise((resolve) => socket.once(event, resolve));
  const socket = io(url, { auth: { token: accessToken }, reconnection: false });
  const answer = told(socket, 'whoami');
  socket.emit('whoami');
  assert.deepEqual(await answer, { id: 1 });
  const [denial, closed] = [told(socket, 'exception'), told(socket, 'disconnect')];
  await fetch(`${url}/auth/logout`, { method: 'POST', headers: { Authorization: `Bearer ${accessToken}` } });
  assert.equal((await denial).errorCode, 'invalid_token');
  await closed;
  const stranger = io(url, { reconnection: false, forceNew: true });
  assert.equal((await told(stranger, 'exception')).statusCode, 401);
  console.log('guide/websockets.md: a socket in a session, closed with it; a stranger is refused');
}

try {
  await program();
  await renderingServer();
  await resolver();
  await gateway();
} finally {
  await app.close();
}
