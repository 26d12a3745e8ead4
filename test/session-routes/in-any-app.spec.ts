import { Controller, Get, Post, type INestApplication, ValidationPipe, VersioningType } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { AuthentifyConfigurationError, AuthentifyModule, type AuthentifyExtras, Public } from 'nestjs-authentify';
import { afterEach, describe, expect, it } from 'vitest';
import { bearer } from '../requests/client.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';
import { cookiesOf, sessionClient, tokensInCookies } from './client.js';

const PATHS = ['logout', 'logout-all', 'logout-others', 'refresh', 'sessions', 'sessions/{id}'];

/** The app's own route beside the library's. */
@Controller('auth')
class LoginController {
  @Post('login')
  @Public()
  login(): object {
    return { own: true };
  }

  @Get('profile')
  profile(): object {
    return { own: true };
  }
}

describe.each(ADAPTERS)('session routes on %s', (adapter) => {
  let t: TestApp | undefined;
  afterEach(() => t?.close());

  /** Starts an app and walks both transports under this address. */
  async function expectWalk(path: string, configure?: (app: INestApplication) => void, extras: AuthentifyExtras = {}) {
    t = await startApp({
      adapter,
      extras: { sessionRoutes: { path: 'auth' }, ...extras },
      controllers: [LoginController],
      ...(configure && { configure }),
    });
    const routes = sessionClient(`${t.url}/${path}`);
    const user = await t.createUser();
    const header = await t.tokens.generateHeaderToken(user);
    const cookie = await t.tokens.generateCookieToken(user);

    const inBody = await routes.refresh(header.refreshToken);
    const inCookies = await routes.refreshByCookie(cookie);
    expect([inBody.status, inCookies.status]).toEqual([200, 200]);
    const credentials = [bearer(inBody.json.accessToken as string), cookiesOf(tokensInCookies(inCookies))];
    for (const headers of credentials) {
      const list = await routes.call('GET', 'sessions', { headers });
      expect([list.status, list.json]).toMatchObject([200, { length: credentials.length }]);
    }
    for (const headers of credentials) expect((await routes.call('POST', 'logout', { headers })).status).toBe(204);
    expect(await t.tokens.listUserTokens(user)).toEqual([]);
    return t;
  }

  it('work without guardAllRoutes', () => expectWalk('auth'));
  it('work with guardAllRoutes', () => expectWalk('auth', undefined, { guardAllRoutes: true }));
  it('work where the module is not global', () => expectWalk('auth', undefined, { isGlobal: false }));
  it('take a path of several segments', () =>
    expectWalk('api/web/auth', undefined, { sessionRoutes: { path: '/api/web/auth' } }));
  it('stand behind a global prefix', () => expectWalk('api/auth', (app) => app.setGlobalPrefix('api')));
  it('need no version where the app has versions', () =>
    expectWalk('auth', (app) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' })));
  it('stand behind a prefix and beside versions', () =>
    expectWalk('api/auth', (app) =>
      app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: ['1', '2'] }),
    ));
  it('are not stripped by a ValidationPipe that knows no rules for them', () =>
    expectWalk('auth', (app) =>
      app.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true })),
    ));

  it('R62: are a 503 in an outage, and leave the cookies alone', async () => {
    t = await startApp({ adapter, extras: { sessionRoutes: { path: 'auth' } } });
    t.app.useLogger(false);
    const routes = sessionClient(`${t.url}/auth`);
    const user = await t.createUser();
    const [header, cookie] = [await t.tokens.generateHeaderToken(user), await t.tokens.generateCookieToken(user)];
    await t.dataSource.destroy();
    const answers = [await routes.refresh(header.refreshToken), await routes.refreshByCookie(cookie)];
    for (const path of ['POST logout', 'POST logout-all', 'POST logout-others', 'GET sessions', 'DELETE sessions/x']) {
      const [method = '', name = ''] = path.split(' ');
      answers.push(await routes.call(method, name, { headers: bearer(header.accessToken) }));
      answers.push(await routes.call(method, name, { headers: cookiesOf(cookie) }));
    }
    expect(answers.map(({ status, cookies }) => [status, cookies])).toEqual(answers.map(() => [503, []]));
    await t.dataSource.initialize();
  });

  it('in cookie mode need a cookie: without refreshCookieName there is none to take', async () => {
    t = await startApp({ adapter, extras: { sessionRoutes: { path: 'auth' } }, options: { refreshCookieName: null } });
    const routes = sessionClient(`${t.url}/auth`);
    const session = await t.tokens.generateCookieToken(await t.createUser());
    expect((await routes.refreshByCookie(session)).status).toBe(401);
    expect((await routes.call('POST', 'logout', { headers: cookiesOf(session) })).status).toBe(204);
    expect(await t.tokens.verifyToken(session.accessToken)).toBeNull();
  });

  it('leave the app’s own routes of that path alone, and are not there unless asked for', async () => {
    t = await startApp({
      adapter,
      extras: { guardAllRoutes: true, sessionRoutes: { path: 'auth' } },
      controllers: [LoginController],
    });
    const routes = sessionClient(`${t.url}/auth`);
    expect((await routes.call('POST', 'login')).json).toEqual({ own: true });
    expect((await routes.call('GET', 'profile')).status).toBe(401);
    await t.close();
    t = await startApp({ adapter, controllers: [LoginController] });
    expect((await sessionClient(`${t.url}/auth`).call('POST', 'refresh')).status).toBe(404);
  });

  it('are documented where @nestjs/swagger documents the app', async () => {
    t = await startApp({ adapter, extras: { sessionRoutes: { path: 'auth' } } });
    const document = SwaggerModule.createDocument(t.app, new DocumentBuilder().build());
    expect(Object.keys(document.paths).toSorted()).toEqual(PATHS.map((path) => `/auth/${path}`));
    const documented = Object.values(document.paths).flatMap((path) =>
      [path.get, path.post, path.delete].flatMap((operation) => (operation ? Object.keys(operation.responses) : [])),
    );
    expect(documented.toSorted()).toEqual(['200', '200', '204', '204', '204', '204']);
  });
});

describe('sessionRoutes', () => {
  it.each([
    {},
    null,
    'auth',
    true,
    { path: '' },
    { path: '/' },
    { path: 'auth/' },
    { path: 'auth//v1' },
    { path: ':tenant/auth' },
    { path: 'auth/*' },
    { path: 'auth?x' },
    { path: 'a b' },
    { path: ['auth'] },
    { path: 'auth', login: true },
  ])('R67: stops the boot as %j', (sessionRoutes) => {
    for (const register of [
      () => AuthentifyModule.forRoot({ userEntity: User, sessionRoutes: sessionRoutes as never }),
      () =>
        AuthentifyModule.forRootAsync({
          userEntity: User,
          sessionRoutes: sessionRoutes as never,
          useFactory: () => ({}),
        }),
    ]) {
      expect(register).toThrow(AuthentifyConfigurationError);
      expect(register).toThrow(/sessionRoutes/);
    }
  });
});
