import { Body, Controller, Get, Inject, Injectable, Module, Post, Req, Res, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AbstractAuthToken,
  AuthentifyConfigurationError,
  AuthentifyEvents,
  type AuthentifyExtras,
  AuthentifyGuard,
  AuthentifyModule,
  type AuthentifyOptions,
  authTokenEntity,
  CookieAuthGuard,
  CrossSiteGuard,
  CurrentUser,
  GuardFor,
  HeaderAuthGuard,
  InjectFor,
  type IssuedTokens,
  OptionalAuth,
  Public,
  providerFor,
  RequireContext,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { type Answer, bearer, cookie, send } from '../requests/client.js';
import { type MaybeAuthenticated, verdict, whoami } from '../requests/controllers.js';
import { sessionClient } from '../session-routes/client.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';
import { User } from '../support/users.js';

class StaffGuard extends GuardFor('staff') {}
class StaffHeaderGuard extends GuardFor('staff', HeaderAuthGuard) {}
class StaffCookieGuard extends GuardFor('staff', CookieAuthGuard) {}

/** Customers are the unnamed registration: nothing of their code knows that there are others. */
@Controller('customers')
class CustomersController {
  @Get('either')
  @UseGuards(AuthentifyGuard)
  either(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }

  @Get('all-routes')
  allRoutes(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }

  @Get('plain')
  @UseGuards(AuthGuard('authentify-header'))
  plain(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }
}

@Controller('staff')
class StaffController {
  @Get('either')
  @UseGuards(StaffGuard)
  either(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }

  @Get('header')
  @UseGuards(StaffHeaderGuard)
  header(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }

  @Get('cookie')
  @UseGuards(StaffCookieGuard)
  cookie(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }

  @Get('optional')
  @OptionalAuth()
  @UseGuards(StaffGuard)
  optional(@Req() request: MaybeAuthenticated) {
    return whoami(request);
  }

  @Get('desk')
  @OptionalAuth()
  @UseGuards(StaffGuard)
  @RequireContext({ desk: 'front' })
  desk(@CurrentUser('email') email: string) {
    return { email };
  }

  @Post('login')
  @Public()
  @UseGuards(GuardFor('staff', CrossSiteGuard))
  login() {
    return {};
  }

  @Post('guarded-against-other-sites-only')
  @UseGuards(GuardFor('staff', CrossSiteGuard))
  crossSiteOnly() {
    return {};
  }
}

/** One provider that serves both. */
@Injectable()
class BothServices {
  @InjectFor('staff') readonly events: AuthentifyEvents;

  constructor(
    readonly customers: TokenService<AbstractAuthToken<User>>,
    @InjectFor('staff') readonly staff: TokenService<StaffToken>,
    @InjectFor('staff') readonly staffCookies: TokenCookies,
    @Inject(providerFor('staff', AuthentifyGuard)) readonly guard: AuthentifyGuard,
  ) {}
}

@Controller('both')
class BothController {
  constructor(readonly both: BothServices) {}

  @Post('login')
  @Public()
  async login(@Body('id') id: number, @Res({ passthrough: true }) response: unknown) {
    this.both.staffCookies.set(response, await this.both.staff.generateCookieToken(id));
    return {};
  }
}

const CONTROLLERS = [CustomersController, StaffController, BothController];
const STAFF_COOKIES = ['__Host-staff-token', '__Host-staff-refresh-token'];

interface Visitor {
  header: IssuedTokens;
  inCookie: IssuedTokens;
}

describe.each(ADAPTERS)('customers and staff in one app on %s', (adapter) => {
  let t: TestApp;
  let both: BothServices;
  let customer: Visitor;
  let colleague: Visitor;
  const get = (path: string, headers: Record<string, string> = {}) => send(t.url + path, { headers });

  async function start(
    extras: AuthentifyExtras = {},
    staff: AuthentifyExtras & AuthentifyOptions<Staff, StaffToken> = {},
  ) {
    t = await startApp({
      adapter,
      extras: { sessionRoutes: { path: 'customers' }, ...extras },
      imports: [
        AuthentifyModule.forRoot({
          name: 'staff',
          tokenEntity: StaffToken,
          tokenPrefix: 'st',
          realm: 'staff',
          sessionRoutes: { path: 'staff' },
          ...staff,
        }),
      ],
      entities: [Staff, StaffToken],
      controllers: CONTROLLERS,
      providers: [BothServices],
    });
    both = t.app.get(BothServices);
    const [user, member] = [await t.createUser(), await t.dataSource.getRepository(Staff).save({ email: 'eve@staff' })];
    // Both have the key 1: nothing but the registration tells them apart.
    expect([user.id, member.id]).toEqual([1, 1]);
    customer = {
      header: await both.customers.generateHeaderToken(user),
      inCookie: await both.customers.generateCookieToken(user),
    };
    colleague = {
      header: await both.staff.generateHeaderToken(member),
      inCookie: await both.staff.generateCookieToken(member),
    };
  }

  /** Every way to present a session, under the names of either registration. */
  const presented = ({ header, inCookie }: Visitor): Record<string, string>[] => [
    bearer(header.accessToken),
    cookie(inCookie.accessToken),
    cookie(inCookie.accessToken, STAFF_COOKIES[0]),
  ];

  describe('side by side', () => {
    beforeAll(() => start());
    afterAll(() => t.close());

    it('R67: a token of one is nothing to the other, in the header and in either cookie', async () => {
      for (const [area, foreign] of [
        ['customers', colleague],
        ['staff', customer],
      ] as const) {
        for (const headers of presented(foreign)) {
          const answer = await get(`/${area}/either`, headers);
          expect([answer.status, answer.json.user]).toEqual([401, undefined]);
        }
      }
    });

    it('each guard knows its own, and says so in its own challenge', async () => {
      expect((await get('/customers/either', bearer(customer.header.accessToken))).json.session).toBe(
        customer.header.token.id,
      );
      expect((await get('/customers/either', cookie(customer.inCookie.accessToken))).status).toBe(200);
      expect((await get('/staff/either', bearer(colleague.header.accessToken))).json.session).toBe(
        colleague.header.token.id,
      );
      expect((await get('/staff/either', cookie(colleague.inCookie.accessToken, STAFF_COOKIES[0]))).status).toBe(200);
      expect(verdict(await get('/customers/either'))).toEqual([401, 'Bearer realm="api"']);
      expect(verdict(await get('/staff/either'))).toEqual([401, 'Bearer realm="staff"']);
      expect(verdict(await get('/staff/cookie'))).toEqual([401, 'Cookie realm="staff"']);
    });

    it('GuardFor makes each of the library’s guards', async () => {
      const [inHeader, asCookie] = [
        bearer(colleague.header.accessToken),
        cookie(colleague.inCookie.accessToken, STAFF_COOKIES[0]),
      ];
      const answers = await Promise.all([
        get('/staff/header', inHeader),
        get('/staff/header', asCookie),
        get('/staff/cookie', inHeader),
        get('/staff/cookie', asCookie),
        get('/staff/optional'),
        get('/staff/optional', bearer(customer.header.accessToken)),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([200, 401, 401, 200, 200, 401]);
      const foreign = await send(`${t.url}/staff/login`, {
        method: 'POST',
        headers: { 'Sec-Fetch-Site': 'cross-site' },
      });
      expect(foreign.status).toBe(403);
    });

    it('@RequireContext asks the session of whichever guard the route has', async () => {
      const front = await both.staff.generateHeaderToken(1, { context: { desk: 'front' } });
      expect((await get('/staff/desk', bearer(front.accessToken))).json).toEqual({ email: 'eve@staff' });
      expect((await get('/staff/desk', bearer(colleague.header.accessToken))).status).toBe(403);
      expect(verdict(await get('/staff/desk'))).toEqual([401, 'Bearer realm="staff"']);
    });

    it('services verify, refresh and end what is their own, though the keys are the same', async () => {
      expect(await both.customers.verifyToken(colleague.header.accessToken)).toBeNull();
      expect(await both.staff.verifyToken(customer.header.accessToken)).toBeNull();
      expect(await both.staff.refreshToken(customer.header.refreshToken!)).toBeNull();
      expect(await both.staff.revokeUserToken(1, customer.header.token.id)).toBe(0);
      expect(await both.customers.revokeUserToken(1, colleague.header.token.id)).toBe(0);
      expect((await both.staff.listUserTokens(1)).every((token) => token instanceof StaffToken)).toBe(true);
      expect(await t.dataSource.getRepository(t.tokenEntity).countBy({ id: colleague.header.token.id })).toBe(0);
    });

    it('@InjectFor gives the named registration’s, whatever the class; the plain class gives the unnamed one’s', async () => {
      expect(both.staff).toBe(t.app.get(providerFor('staff', TokenService)));
      expect(both.events).toBe(t.app.get(providerFor('staff', AuthentifyEvents)));
      expect([both.staff, both.staffCookies, both.guard].map((one) => one.constructor)).toEqual([
        TokenService,
        TokenCookies,
        AuthentifyGuard,
      ]);
      expect(both.customers).toBe(t.app.get(providerFor('default', TokenService)));
      expect(both.customers).not.toBe(both.staff);
      const told: string[] = [];
      both.events.subscribe(({ type }) => told.push(type));
      await both.customers.verifyToken(customer.header.accessToken);
      await both.staff.verifyToken(colleague.header.accessToken);
      expect(told).toEqual(['authenticated']);
    });

    it('cookies have names of their own, so that one browser can be both', async () => {
      const login = await send(`${t.url}/both/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{"id":1}',
      });
      expect(login.cookies.map((line) => line.split('=')[0])).toEqual(STAFF_COOKIES);
      const headers = { Cookie: `__Host-token=${customer.inCookie.accessToken}; ${login.cookies[0]!.split(';')[0]}` };
      expect((await get('/customers/either', headers)).json.session).toBe(customer.inCookie.token.id);
      expect((await get('/staff/either', headers)).status).toBe(200);
    });

    it('each has session routes of its own', async () => {
      const customers = sessionClient(`${t.url}/customers`);
      const staff = sessionClient(`${t.url}/staff`);
      const listed = async (routes: typeof staff, { header }: Visitor): Promise<Answer> =>
        routes.call('GET', 'sessions', { headers: bearer(header.accessToken) });
      expect((await listed(customers, customer)).status).toBe(200);
      expect((await listed(staff, colleague)).status).toBe(200);
      expect((await listed(customers, colleague)).status).toBe(401);
      expect((await listed(staff, customer)).status).toBe(401);
      expect((await staff.refresh(customer.header.refreshToken)).status).toBe(401);
      const next = await staff.refresh(colleague.header.refreshToken);
      expect([next.status, next.json.accessToken]).toEqual([200, expect.stringMatching(/^st_at_/)]);
      const answer = await staff.call('POST', 'logout', {
        headers: { Cookie: `__Host-token=${customer.inCookie.accessToken}` },
      });
      expect([answer.status, answer.cookies]).toEqual([204, []]);
      expect(await both.customers.verifyToken(customer.inCookie.accessToken)).not.toBeNull();
    });

    it('R67: a plain AuthGuard, which knows strategies by one name only, is refused rather than mistaken', async () => {
      t.app.useLogger(false);
      for (const visitor of [customer, colleague]) {
        expect((await get('/customers/plain', bearer(visitor.header.accessToken))).status).toBe(500);
      }
    });
  });

  describe('with guardAllRoutes', () => {
    afterEach(() => t.close());

    it('for customers, leaves the routes that name a guard of staff to that guard', async () => {
      await start({ guardAllRoutes: true });
      expect((await get('/customers/all-routes', bearer(customer.header.accessToken))).status).toBe(200);
      expect((await get('/customers/all-routes', bearer(colleague.header.accessToken))).status).toBe(401);
      expect((await get('/customers/all-routes')).status).toBe(401);
      expect((await get('/staff/either', bearer(colleague.header.accessToken))).status).toBe(200);
      expect((await get('/staff/either', bearer(customer.header.accessToken))).status).toBe(401);
      expect((await get('/staff/sessions', bearer(colleague.header.accessToken))).status).toBe(200);
      expect((await get('/customers/sessions', bearer(customer.header.accessToken))).status).toBe(200);
    });

    it('a guard that authenticates nobody opens nothing', async () => {
      await start({ guardAllRoutes: true });
      const post = (headers: Record<string, string>) =>
        send(`${t.url}/staff/guarded-against-other-sites-only`, { method: 'POST', headers });
      expect((await post({})).status).toBe(401);
      expect((await post(bearer(customer.header.accessToken))).status).toBe(201);
    });

    it('for staff, closes every route that names no guard to customers', async () => {
      await start({}, { guardAllRoutes: true });
      expect((await get('/customers/all-routes', bearer(colleague.header.accessToken))).status).toBe(200);
      expect((await get('/customers/all-routes', bearer(customer.header.accessToken))).status).toBe(401);
      expect((await get('/customers/either', bearer(customer.header.accessToken))).status).toBe(200);
    });
  });
});

describe('registrations of one app', () => {
  // TypeORM itself makes no table for two entities; a migration does not mind.
  const NOT_SYNCHRONIZED = { synchronize: false };
  const boot = (extras: AuthentifyExtras, other: AuthentifyExtras, dataSource = {}): Promise<TestApp> =>
    startApp({
      extras,
      dataSource,
      imports: [AuthentifyModule.forRoot({ userEntity: Staff, ...other })],
      entities: [Staff, authTokenEntity(() => Staff, other.name)],
    });

  it('with a user entity and a name keep their sessions in a table of that name', async () => {
    const t = await boot({}, { name: 'staff' });
    const entity = authTokenEntity(() => Staff, 'staff');
    expect(entity).toBe(authTokenEntity(() => Staff, 'staff'));
    expect(entity).not.toBe(authTokenEntity(() => Staff));
    expect(t.dataSource.getMetadata(entity).tableName).toBe('staff_auth_tokens');
    const tokens = t.app.get<TokenService<AbstractAuthToken<Staff>>>(providerFor('staff', TokenService));
    const member = await t.dataSource.getRepository(Staff).save({ email: 'eve@staff' });
    const { accessToken } = await tokens.generateHeaderToken(member);
    expect(await tokens.verifyToken(accessToken)).toMatchObject({ user: { email: 'eve@staff' } });
    expect(await t.dataSource.getRepository(entity).count()).toBe(1);
    await t.close();
  });

  const forStaff = () => AuthentifyModule.forRoot({ name: 'staff', userEntity: Staff });

  it.each([
    ['named', 'said', () => [AuthentifyModule.forRoot({ userEntity: User }), forStaff()]],
    ['unnamed', 'not said', () => [forStaff(), AuthentifyModule.forRoot({ userEntity: User })]],
  ] as const)('app.get gives what the last one has: the %s, which is %s at boot', async (last, said, registrations) => {
    const lines: string[] = [];
    const entities = [User, Staff, authTokenEntity(() => User), authTokenEntity(() => Staff, 'staff')];
    const builder = Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ type: 'sqljs', entities, synchronize: true, retryAttempts: 0 }),
        ...registrations(),
      ],
    }).setLogger({ log: (line: string) => lines.push(line), warn() {}, error() {} });
    const app = await builder.compile();
    await app.init();
    const name = last === 'named' ? 'staff' : 'default';
    expect(app.get(TokenService)).toBe(app.get(providerFor(name, TokenService)));
    const told = lines.filter((line) =>
      line.startsWith("Registrations: default, staff. app.get(TokenService) gives that of 'staff'"),
    );
    expect(told).toHaveLength(said === 'said' ? 1 : 0);
    await app.close();
  });

  it.each<[string, RegExp, () => Promise<TestApp>]>([
    ['two for all modules without names', /name is missing, or not unique/, () => boot({}, {}, NOT_SYNCHRONIZED)],
    ['two of one name', /name is missing, or not unique/, () => boot({ name: 'staff' }, { name: 'staff' })],
    [
      'two that guard all routes',
      /guardAllRoutes is set by several/,
      () => boot({ guardAllRoutes: true }, { name: 'staff', guardAllRoutes: true }),
    ],
    [
      'two users’ sessions in one table',
      /different users in one table/,
      () => boot({}, { isGlobal: false }, NOT_SYNCHRONIZED),
    ],
  ])('R67: %s do not boot', async (_, message, start) => {
    const booting = start();
    await expect(booting).rejects.toThrow(AuthentifyConfigurationError);
    await expect(booting).rejects.toThrow(message);
  });

  it.each(['', 'Staff', '1staff', 'staff-app', 'a b', 'default', 1, null])('R67: a name %j stops the boot', (name) => {
    expect(() => AuthentifyModule.forRoot({ userEntity: Staff, name: name as never })).toThrow(/name must be/);
  });

  it('@InjectFor before something that is no class says so while decorating', () => {
    expect(() => {
      class Wrong {
        constructor(@InjectFor('staff') readonly tokens: string[] | undefined) {}
      }
      return Wrong;
    }).toThrow(/import its type as a value/);
  });

  it('classes keep injection tokens of their own, whatever a bundler calls them', () => {
    const classes = [HeaderAuthGuard, CookieAuthGuard, TokenService, TokenCookies];
    const names = classes.map((one) => one.name);
    const before = classes.map((one) => providerFor('staff', one));
    try {
      for (const one of classes) Object.defineProperty(one, 'name', { value: 't' });
      expect(classes.map((one) => providerFor('staff', one))).toEqual(before);
    } finally {
      for (const [index, one] of classes.entries()) Object.defineProperty(one, 'name', { value: names[index] });
    }
    expect(before).toEqual(names.map((name) => `authentify:staff:${name}`));
  });

  it('what no registration provides is named while decorating, and what they provide instead', async () => {
    class OwnGuard extends HeaderAuthGuard {}
    const expected = /provides OwnGuard\. Ask for one of TokenService, TokenCookies, /;
    expect(() => providerFor('staff', OwnGuard)).toThrow(expected);
    expect(() => GuardFor('staff', OwnGuard)).toThrow(expected);
    expect(() => {
      @Injectable()
      class Wrong {
        constructor(@InjectFor('staff') readonly guard: OwnGuard) {}
      }
      return Wrong;
    }).toThrow(expected);
    for (const other of [undefined, Symbol('OTHER'), 'TokenService']) {
      expect(() => providerFor('staff', other as never)).toThrow(TypeError);
    }
    const library: Record<string, unknown> = await import('nestjs-authentify');
    const message = (await Promise.resolve()
      .then(() => providerFor('staff', OwnGuard))
      .catch(String)) as string;
    const offered = message.split('one of ')[1]?.split(', ') ?? [];
    expect(offered.length).toBeGreaterThan(5);
    for (const name of offered) expect(providerFor('x', library[name] as never)).toBe(`authentify:x:${name}`);
  });

  it('a name nobody registered stops the boot', async () => {
    @Injectable()
    class Stray {
      constructor(@InjectFor('nobody') readonly tokens: TokenService) {}
    }
    @Module({ providers: [Stray] })
    class StrayModule {}
    await expect(startApp({ imports: [StrayModule] })).rejects.toThrow(/nobody/);
  });

  it('types flow from the token entity', () => {
    expectTypeOf<BothServices['staff']>().toEqualTypeOf<TokenService<StaffToken>>();
    expectTypeOf<Parameters<TokenService<StaffToken>['generateHeaderToken']>[0]>().toEqualTypeOf<
      Staff | string | number
    >();
    expectTypeOf(providerFor('staff', TokenService)).toEqualTypeOf<string>();
    expectTypeOf(GuardFor).parameter(0).toEqualTypeOf<string>();
    // @ts-expect-error a name is a word
    expect(() => AuthentifyModule.forRoot({ userEntity: Staff, name: 1 })).toThrow();
  });
});
