import {
  type CanActivate,
  Catch,
  type ExecutionContext,
  Get,
  HttpException,
  Injectable,
  type NestInterceptor,
  Param,
  Post,
  SetMetadata,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import { BaseExceptionFilter, Reflector } from '@nestjs/core';
import {
  type AbstractAuthToken,
  AuthentifyConfigurationError,
  AuthentifyGuard,
  AuthentifyModule,
  AuthType,
  type IssuedTokens,
  RefreshAnswer,
  type SessionRequest,
  SessionRoutes,
  type SessionView,
  TokenService,
  type TransportRequest,
} from 'nestjs-authentify';
import { of } from 'rxjs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bearer } from '../requests/client.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';
import { User } from '../support/users.js';
import { cookiesOf, sessionClient, tokensInCookies } from './client.js';

@Injectable()
class Tries {
  readonly made: string[] = [];
}

const Limit = (most: number) => SetMetadata('limit', most);

/** As throttlers are made: the limit stands on the handler, its state is injected. */
@Injectable()
class LimitGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly tries: Tries,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const most = this.reflector.getAllAndOverride<number>('limit', [context.getHandler(), context.getClass()]);
    const { auth } = context.switchToHttp().getRequest<TransportRequest>();
    this.tries.made.push(`${context.getHandler().name} by ${auth?.userId ?? 'nobody'}`);
    if (this.tries.made.length > most) throw new HttpException('Too many', 429);
    return true;
  }
}

/** Catches everything: it would answer a second time, were it asked about what was answered. */
@Catch()
class OwnFilter extends BaseExceptionFilter {}

class LimitsModule {}
const limits = () => ({ module: LimitsModule, providers: [Tries], exports: [Tries] });

@UseFilters(OwnFilter)
class MySessions extends SessionRoutes {
  constructor(private readonly tries: Tries) {
    super();
  }

  @UseGuards(LimitGuard)
  @Limit(2)
  override refresh(request: TransportRequest, response: unknown): Promise<RefreshAnswer> {
    return super.refresh(request, response);
  }

  @UseGuards(LimitGuard)
  @Limit(2)
  override logoutOthers(request: SessionRequest, response: unknown): Promise<void> {
    return super.logoutOthers(request, response);
  }

  @Get('sessions/current')
  @UseGuards(AuthentifyGuard)
  current({ auth }: SessionRequest): object {
    return { id: auth.id, tries: this.tries.made.length };
  }

  @Post('ping')
  ping(): void {}

  helper(): string {
    return 'no route';
  }

  protected override refreshAnswer(issued: IssuedTokens, authType: AuthType): RefreshAnswer & { email: string } {
    const { email } = issued.token.user as User;
    return { ...(super.refreshAnswer(issued, authType) as RefreshAnswer), email };
  }

  protected override sessionView(session: AbstractAuthToken, current: boolean): SessionView & { via: AuthType } {
    return { ...super.sessionView(session, current), via: session.authType };
  }
}

class StaffSessions extends SessionRoutes {
  protected override sessionView(session: AbstractAuthToken, current: boolean): SessionView & { staff: true } {
    return { ...super.sessionView(session, current), staff: true };
  }
}

describe.each(ADAPTERS)('session routes of an app’s own class on %s', (adapter) => {
  let t: TestApp;
  let routes: ReturnType<typeof sessionClient>;
  let user: User;
  let tries: Tries;

  beforeAll(async () => {
    /** Replaces every answer that it meets. */
    const replacing: NestInterceptor = { intercept: () => of({ replaced: true }) };
    t = await startApp({
      adapter,
      extras: {
        guardAllRoutes: true,
        sessionRoutes: { path: 'auth', controller: MySessions, imports: [limits()] },
      },
      imports: [
        AuthentifyModule.forRoot({
          name: 'staff',
          tokenEntity: StaffToken,
          sessionRoutes: { path: 'staff', controller: StaffSessions },
        }),
      ],
      entities: [Staff, StaffToken],
      configure: (app) => app.useGlobalInterceptors(replacing),
    });
    routes = sessionClient(`${t.url}/auth`);
    tries = t.app.get(Tries, { strict: false });
  });
  beforeEach(async () => {
    user = await t.createUser();
    tries.made.length = 0;
  });
  afterAll(() => t.close());

  it('have a guard on one route, which keeps its path, its openness and its own guards', async () => {
    const session = await t.tokens.generateHeaderToken(user);
    const first = await routes.refresh(session.refreshToken);
    expect([first.status, tries.made]).toEqual([200, ['refresh by nobody']]);
    const headers = bearer(first.json.accessToken as string);
    expect((await routes.call('POST', 'logout-others', { headers })).status).toBe(204);
    expect(tries.made.at(-1)).toBe(`logoutOthers by ${user.id}`);
    const third = await routes.refresh(first.json.refreshToken);
    expect([third.status, third.headers['cache-control']]).toEqual([429, 'no-store']);
    expect((await routes.call('POST', 'logout-others')).status).toBe(401);
    expect(tries.made).toHaveLength(3);
    expect((await routes.call('GET', 'sessions', { headers })).status).toBe(200);
  });

  it('R70, R58: answer what the class says, past interceptors, and a cookie session without its tokens', async () => {
    const header = await t.tokens.generateHeaderToken(user);
    const cookie = await t.tokens.generateCookieToken(user);
    const inBody = await routes.refresh(header.refreshToken);
    const inCookies = await routes.refreshByCookie(cookie);
    expect(inBody.json).toMatchObject({ email: user.email, accessToken: expect.stringMatching(/^af_at_/) });
    expect(Object.keys(inCookies.json).toSorted()).toEqual(['email', 'expiresAt', 'refreshUntil']);
    const list = await routes.call('GET', 'sessions', { headers: cookiesOf(tokensInCookies(inCookies)) });
    expect(list.json).toMatchObject([
      { via: 'cookie', current: true },
      { via: 'header', current: false },
    ]);
  });

  it('R70: are joined by routes of the class, which answer the same way and are guarded as any', async () => {
    const session = await t.tokens.generateHeaderToken(user);
    const headers = bearer(session.accessToken);
    const current = await routes.call('GET', 'sessions/current', { headers });
    expect([current.json, current.headers['cache-control']]).toEqual([{ id: session.token.id, tries: 0 }, 'no-store']);
    expect((await routes.call('GET', 'sessions/current')).status).toBe(401);
    expect((await routes.call('POST', 'ping')).status).toBe(401);
    expect((await routes.call('POST', 'ping', { headers })).status).toBe(204);
    expect((await routes.call('GET', 'helper', { headers })).status).toBe(404);
  });

  it('are a class for each registration', async () => {
    const staff = t.app.get<TokenService<StaffToken>>('authentify:staff:TokenService');
    const member = await t.dataSource.getRepository(Staff).save({ email: 'eve@staff' });
    const session = await staff.generateHeaderToken(member);
    const headers = bearer(session.accessToken);
    const list = await sessionClient(`${t.url}/staff`).call('GET', 'sessions', { headers });
    expect(list.json).toMatchObject([{ staff: true, id: session.token.id }]);
    expect((await routes.call('GET', 'sessions', { headers })).status).toBe(401);
    expect((await sessionClient(`${t.url}/staff`).call('GET', 'sessions/current', { headers })).status).toBe(404);
  });
});

describe('R67: sessionRoutes.controller', () => {
  const forRoot = (controller: unknown) => () =>
    AuthentifyModule.forRoot({ userEntity: User, sessionRoutes: { path: 'auth', controller: controller as never } });

  it.each([null, 'MySessions', {}, class Other {}, SessionRoutes])('cannot be %o', (controller) => {
    expect(forRoot(controller)).toThrow(AuthentifyConfigurationError);
    expect(forRoot(controller)).toThrow(
      /sessionRoutes \(member controller\) must be a class that extends SessionRoutes/,
    );
  });

  it('cannot have a handler whose parameters are decorated: it would be called with others', () => {
    class WithParameters extends SessionRoutes {
      @Get('sessions/:id/details')
      details(@Param('id') id: string): object {
        return { id };
      }
    }
    expect(forRoot(WithParameters)).toThrow(/WithParameters\.details decorates its parameters/);
  });
});
