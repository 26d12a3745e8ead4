import { Controller, Get, Post, Req, UseGuards } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  type AbstractAuthToken,
  AuthentifyGuard,
  AuthentifyModule,
  type AuthentifyOptions,
  AuthentifyUserNotFoundError,
  GuardFor,
  type IssuedTokens,
} from 'nestjs-authentify';
import { type ActingAs, actingAs, travel, travelBack } from 'nestjs-authentify/testing';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { GuardedController, type MaybeAuthenticated, whoami } from '../requests/controllers.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';
import type { User } from '../support/users.js';

@Controller('staff')
@UseGuards(GuardFor('staff'))
class StaffController {
  @Get('me')
  me(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }
}

@Controller('posts')
@UseGuards(AuthentifyGuard)
class PostsController {
  @Post()
  create(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }
}

describe.each(ADAPTERS)('actingAs on %s', (adapter) => {
  let t: TestApp;
  let ada: User;
  const start = async (options: AuthentifyOptions<User> = {}) => {
    t = await startApp({
      adapter,
      options,
      imports: [AuthentifyModule.forRoot({ name: 'staff', tokenEntity: StaffToken, authHeaderPrefixes: ['Staff'] })],
      entities: [Staff, StaffToken],
      controllers: [GuardedController, StaffController, PostsController],
    });
    ada = await t.createUser();
  };
  /** The path's answer, over supertest. */
  const get = (path: string, headers: Record<string, string>) => request(t.app.getHttpServer()).get(path).set(headers);
  beforeEach(() => start());
  afterEach(async () => {
    travelBack();
    await t.close();
  });

  it('signs a supertest request in with one line', async () => {
    const { headers, issued } = await actingAs(t.app, ada);
    await get('/guarded/header', headers).expect(200, { user: ada.id, session: issued.token.id });
  });

  it('signs a supertest agent in for all its requests', async () => {
    const { headers } = await actingAs(t.app, ada, { via: 'cookie' });
    const agent = request.agent(t.app.getHttpServer()).set(headers);
    await agent.get('/guarded/cookie').expect(200);
    await agent.get('/guarded/either').expect(200);
  });

  it.each(['header', 'cookie'] as const)('signs an inject in, via %s', async (via) => {
    const { headers } = await actingAs(t.app, ada, { via });
    await get(`/guarded/${via}`, headers).expect(200);
    if (adapter === 'express') return;
    const answer = await (t.app as NestFastifyApplication).inject({ url: `/guarded/${via}`, headers });
    expect(answer.statusCode).toBe(200);
  });

  it('is a real session: in the list, refreshed, and over once revoked', async () => {
    const { headers, issued } = await actingAs(t.app, ada.id, { context: { device: 'test' } });
    expect((await t.tokens.listUserTokens(ada)).map(({ id, context }) => [id, context])).toEqual([
      [issued.token.id, { device: 'test' }],
    ]);
    await t.tokens.revokeToken(issued.token);
    await get('/guarded/header', headers).expect(401);
  });

  it('takes the lifetimes of a login, which travel runs out', async () => {
    const { headers } = await actingAs(t.app, ada, { accessExpiresIn: '5m', refreshExpiresIn: '1h' });
    travel('4m');
    await get('/guarded/header', headers).expect(200);
    travel('1m');
    await get('/guarded/header', headers).expect(401);
  });

  it('writes from a page of the app itself, also where that is asked for', async () => {
    await t.close();
    await start({ csrf: { requireOrigin: true } });
    const { headers } = await actingAs(t.app, ada, { via: 'cookie' });
    await request(t.app.getHttpServer()).post('/posts').set(headers).expect(201);
    const { cookie } = headers;
    await request(t.app.getHttpServer()).post('/posts').set({ cookie: cookie! }).expect(403);
  });

  it('speaks of the schemes and cookies the app is set up with', async () => {
    await t.close();
    await start({
      authHeaderPrefixes: ['Session'],
      authCookieNames: ['sid'],
      refreshCookieName: null,
      cookie: { secure: false },
    });
    const { headers } = await actingAs(t.app, ada);
    expect(headers.authorization).toMatch(/^Session af_at_/);
    const inCookie = await actingAs(t.app, ada, { via: 'cookie' });
    expect(inCookie.headers.cookie).toMatch(/^sid=af_at_\w+$/);
    await get('/guarded/cookie', inCookie.headers).expect(200);
  });

  it('works with several registrations, by name or by what forRoot returned', async () => {
    const eve = await t.dataSource.getRepository(Staff).save({ email: 'eve@staff' });
    const { headers } = await actingAs<StaffToken>(t.app, eve, { registration: 'staff', context: { desk: 'front' } });
    expect(headers.authorization).toMatch(/^Staff /);
    await get('/staff/me', headers).expect(200);
    await get('/guarded/either', headers).expect(401);
    await get('/staff/me', (await actingAs(t.app, ada)).headers).expect(401);
  });

  it('a user who is not in the database cannot act', async () => {
    await expect(actingAs(t.app, 4711)).rejects.toThrow(AuthentifyUserNotFoundError);
  });

  it('types flow from the user or the token entity', async () => {
    const { issued } = await actingAs(t.app, ada);
    expectTypeOf(issued).toEqualTypeOf<IssuedTokens<AbstractAuthToken<User>>>();
    const staff = () => actingAs<StaffToken>(t.app, 1, { registration: 'staff', context: { desk: 'front' } });
    expectTypeOf(staff).returns.resolves.toEqualTypeOf<ActingAs<StaffToken>>();
    // @ts-expect-error the context of this registration has a desk
    const wrong = () => actingAs<StaffToken>(t.app, 1, { registration: 'staff', context: { desk: 1 } });
    expect(wrong).toBeTypeOf('function');
  });
});

describe('actingAs with a registration that is neither global nor named', () => {
  it('takes the module that forRoot returned', async () => {
    const staff = AuthentifyModule.forRoot({ tokenEntity: StaffToken, isGlobal: false });
    const t = await startApp({ imports: [staff], entities: [Staff, StaffToken] });
    const eve = await t.dataSource.getRepository(Staff).save({ email: 'eve@staff' });
    const { issued } = await actingAs(t.app, eve, { registration: staff });
    expect(issued.token).toBeInstanceOf(StaffToken);
    await t.close();
  });
});
