import { Controller, type DynamicModule, Get, Module, Req, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import {
  AbstractAuthToken,
  AuthentifyGuard,
  AuthentifyModule,
  CookieAuthGuard,
  HeaderAuthGuard,
  TokenOwner,
  TokenService,
} from 'nestjs-authentify';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, bearer, cookie, send } from '../requests/client.js';
import { type Adapter, ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';

interface Seen {
  user?: { email: string };
  auth?: { id: string };
}

/** Who a route believes to see. */
const whoami = ({ user, auth }: Seen) => ({ email: user?.email ?? null, session: auth?.id ?? null });

/** The routes of both apps: every guard of the library, and the plain one of `@nestjs/passport`. */
@Controller()
class MeController {
  @Get('header')
  @UseGuards(HeaderAuthGuard)
  header(@Req() request: Seen) {
    return whoami(request);
  }

  @Get('cookie')
  @UseGuards(CookieAuthGuard)
  cookie(@Req() request: Seen) {
    return whoami(request);
  }

  @Get('either')
  @UseGuards(AuthentifyGuard)
  either(@Req() request: Seen) {
    return whoami(request);
  }

  @Get('plain/header')
  @UseGuards(AuthGuard('authentify-header'))
  plainHeader(@Req() request: Seen) {
    return whoami(request);
  }

  @Get('plain/cookie')
  @UseGuards(AuthGuard('authentify-cookie'))
  plainCookie(@Req() request: Seen) {
    return whoami(request);
  }
}

interface Visitor {
  email: string;
  headerToken: string;
  cookieToken: string;
  refreshToken: string;
  sessions: string[];
}

/** Logs a user in on both transports. */
async function visitorOf<TToken extends AbstractAuthToken>(
  tokens: TokenService<TToken>,
  user: TToken['user'] & { email: string },
): Promise<Visitor> {
  const header = await tokens.generateHeaderToken(user);
  const inCookie = await tokens.generateCookieToken(user);
  return {
    email: user.email,
    headerToken: header.accessToken,
    cookieToken: inCookie.accessToken,
    refreshToken: header.refreshToken!,
    sessions: [header.token.id, inCookie.token.id],
  };
}

/** Every way a visitor can present a session to the library's guards under this address. */
const attempts = (base: string, { headerToken, cookieToken }: Visitor): (() => Promise<Answer>)[] => [
  () => send(`${base}/header`, { headers: bearer(headerToken) }),
  () => send(`${base}/either`, { headers: bearer(headerToken) }),
  () => send(`${base}/cookie`, { headers: cookie(cookieToken) }),
  () => send(`${base}/either`, { headers: cookie(cookieToken) }),
];

/** Presents both visitors' sessions to both places, all at once, `rounds` times over. */
async function crowd(places: { base: string; visitor: Visitor }[], rounds: number): Promise<void> {
  const calls = Array.from({ length: rounds }, () => places).flat();
  await Promise.all(
    calls.flatMap(({ base, visitor }) =>
      places.flatMap((other) =>
        attempts(base, other.visitor).map(async (attempt) => {
          const { status, json } = await attempt();
          if (other.visitor !== visitor) {
            expect({ status, email: json.email }).toEqual({ status: 401, email: undefined });
            return;
          }
          expect({ status, email: json.email }).toEqual({ status: 200, email: visitor.email });
          expect(visitor.sessions).toContain(json.session);
        }),
      ),
    ),
  );
}

const BOOT_ORDERS: [first: Adapter, second: Adapter][] = [
  ['express', 'express'],
  ['fastify', 'fastify'],
  ['express', 'fastify'],
  ['fastify', 'express'],
];

describe.each(BOOT_ORDERS)('two apps in one process, %s booted before %s', (...adapters) => {
  let first: TestApp;
  let second: TestApp;
  let places: { base: string; visitor: Visitor }[];

  beforeAll(async () => {
    first = await startApp({ adapter: adapters[0], controllers: [MeController] });
    second = await startApp({ adapter: adapters[1], controllers: [MeController] });
    places = [];
    for (const [name, t] of Object.entries({ first, second })) {
      t.app.useLogger(false);
      // Both users have the key 1, so that nothing but the app tells them apart.
      const user = await t.createUser({ email: `of-the-${name}@example.com` });
      expect(user.id).toBe(1);
      places.push({ base: t.url, visitor: await visitorOf(t.tokens, user) });
    }
  });
  afterAll(async () => {
    await second?.close();
    await first?.close();
  });

  it('R67: each guard sees its own app’s users, and the other’s sessions are nothing to it', async () => {
    await crowd(places, 1);
  });

  it('R67: the same for concurrent requests to both', async () => {
    await crowd(places, 10);
  });

  it('R67: neither verifies, refreshes nor ends what is the other’s', async () => {
    const [own, foreign] = places.map(({ visitor }) => visitor);
    expect(await first.tokens.verifyToken(foreign!.headerToken)).toBeNull();
    expect(await first.tokens.refreshToken(foreign!.refreshToken)).toBeNull();
    expect(await second.tokens.refreshToken(own!.refreshToken)).toBeNull();
    expect(await first.tokens.revokeUserToken(1, foreign!.sessions[0]!)).toBe(0);
    expect(await second.tokens.revokeUserToken(1, own!.sessions[0]!)).toBe(0);
    await crowd(places, 1);
  });

  // Passport's registry is one per process: `AuthGuard` finds the strategy of whichever app booted last.
  it.each([
    ['header', (visitor: Visitor) => bearer(visitor.headerToken)],
    ['cookie', (visitor: Visitor) => cookie(visitor.cookieToken)],
  ])('R67: a plain AuthGuard lets nobody in by a session of the other app (%s)', async (transport, present) => {
    const seen = await Promise.all(
      places.flatMap(({ base, visitor }) =>
        places
          .filter((other) => other.visitor !== visitor)
          .map(async (other) => {
            const { status, json } = await send(`${base}/plain/${transport}`, { headers: present(other.visitor) });
            return { admitted: status === 200, email: json.email };
          }),
      ),
    );
    expect(seen).toEqual([
      { admitted: false, email: undefined },
      { admitted: false, email: undefined },
    ]);
  });

  it('R67: a plain AuthGuard still serves the app that booted last', async () => {
    const { base, visitor } = places[1]!;
    const { status, json } = await send(`${base}/plain/header`, { headers: bearer(visitor.headerToken) });
    expect({ status, email: json.email }).toEqual({ status: 200, email: visitor.email });
  });
});

@Entity('members')
class Member {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

@Entity('member_tokens')
class MemberToken extends AbstractAuthToken<Member> {
  @TokenOwner(() => Member)
  user!: Member;
}

@Entity('employees')
class Employee {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

@Entity('employee_tokens')
class EmployeeToken extends AbstractAuthToken<Employee> {
  @TokenOwner(() => Employee)
  user!: Employee;
}

@Controller('members')
class MembersController extends MeController {
  constructor(readonly tokens: TokenService<MemberToken>) {
    super();
  }
}

@Controller('employees')
class EmployeesController extends MeController {
  constructor(readonly tokens: TokenService<EmployeeToken>) {
    super();
  }
}

/** In the root module, beside the instance `startApp` makes. */
@Controller()
class UsersController extends MeController {
  constructor(readonly tokens: TokenService<AbstractAuthToken<User>>) {
    super();
  }
}

@Module({})
class MembersModule {}

@Module({})
class EmployeesModule {}

function membersModule(): DynamicModule {
  return {
    module: MembersModule,
    imports: [AuthentifyModule.forRoot({ tokenEntity: MemberToken, isGlobal: false })],
    controllers: [MembersController],
  };
}

function employeesModule(): DynamicModule {
  return {
    module: EmployeesModule,
    imports: [AuthentifyModule.forRoot({ tokenEntity: EmployeeToken, isGlobal: false })],
    controllers: [EmployeesController],
  };
}

const IMPORT_ORDERS = [
  { order: 'members before employees', imports: () => [membersModule(), employeesModule()], isGlobal: false },
  { order: 'employees before members', imports: () => [employeesModule(), membersModule()], isGlobal: false },
  { order: 'both beside a global instance', imports: () => [membersModule(), employeesModule()], isGlobal: true },
];

describe.each(ADAPTERS)('instances of the module in one app on %s', (adapter) => {
  describe.each(IMPORT_ORDERS)('$order', ({ imports, isGlobal }) => {
    let t: TestApp;
    let places: { base: string; visitor: Visitor }[];

    beforeAll(async () => {
      t = await startApp({
        adapter,
        extras: { isGlobal },
        imports: imports(),
        entities: [Member, MemberToken, Employee, EmployeeToken],
        controllers: [UsersController],
      });
      const member = await t.dataSource.getRepository(Member).save({ email: 'member@example.com' });
      const employee = await t.dataSource.getRepository(Employee).save({ email: 'employee@example.com' });
      const user = await t.createUser({ email: 'user@example.com' });
      expect([member.id, employee.id, user.id]).toEqual([1, 1, 1]);
      const members = t.app.get(MembersController).tokens;
      const employees = t.app.get(EmployeesController).tokens;
      places = [
        { base: `${t.url}/members`, visitor: await visitorOf(members, member) },
        { base: `${t.url}/employees`, visitor: await visitorOf(employees, employee) },
        { base: t.url, visitor: await visitorOf(t.app.get(UsersController).tokens, user) },
      ];
    });
    afterAll(() => t?.close());

    it('R67: each guard sees its own instance’s users, and the others’ sessions are nothing to it', async () => {
      await crowd(places, 1);
    });

    it('R67: the same for concurrent requests to all', async () => {
      await crowd(places, 8);
    });

    it('R67: each keeps its sessions in its own table', async () => {
      const counts = await Promise.all(
        [MemberToken, EmployeeToken, t.tokenEntity].map((entity) => t.dataSource.getRepository(entity).count()),
      );
      expect(counts).toEqual([2, 2, 2]);
    });
  });
});
