import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Global,
  HttpException,
  Injectable,
  Module,
  Req,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import {
  type AbstractAuthToken,
  type AuthentifyOptions,
  AuthentifyGuard,
  type AuthHandler,
  type AuthHandlerInput,
  type AuthHandlerResult,
  CurrentToken,
  CurrentUser,
  HeaderAuthGuard,
  TokenService,
} from 'nestjs-authentify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { bearer, cookie, send } from './client.js';
import {
  BAD_CREDENTIAL,
  GuardedController,
  type MaybeAuthenticated,
  OptionalController,
  verdict,
} from './controllers.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;

type Token = AbstractAuthToken<User>;
type Input = AuthHandlerInput<User, Token>;
type Result = AuthHandlerResult<User, Token>;
type Options = AuthentifyOptions<User, Token>;

@Injectable()
class AdminGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ user?: { role?: string } }>();
    return request.user?.role === 'admin';
  }
}

@Controller('admin')
@UseGuards(HeaderAuthGuard, AdminGuard)
class AdminController {
  @Get()
  @UseGuards(AuthentifyGuard)
  admin(
    @Req() request: MaybeAuthenticated,
    @CurrentUser() user: object,
    @CurrentToken('scope') scope: string | undefined,
  ): object {
    return { user, same: request.user === user, scope: scope ?? null };
  }
}

const asAdmin = ({ user, token }: Input): Result => ({
  user: { id: user.id, role: 'admin' } as never,
  token: Object.assign(Object.create(token) as Token, { scope: 'all' }),
});

@Injectable()
class Registry {
  readonly seen: number[] = [];
}

@Global()
@Module({ providers: [Registry], exports: [Registry] })
class RegistryModule {}

/** Its dependencies come from a global module and from the library itself. */
@Injectable()
class RegisteringHandler implements AuthHandler<User, Token> {
  handled = 0;

  constructor(
    private readonly registry: Registry,
    private readonly tokens: TokenService<Token>,
  ) {}

  async handle(input: Input): Promise<Result> {
    this.handled += 1;
    const sessions = await this.tokens.listUserTokens(input.user);
    this.registry.seen.push(sessions.length);
    return asAdmin(input);
  }
}

const CONTROLLERS = [AdminController, GuardedController, OptionalController];
const SERVER_ERROR = { statusCode: 500, message: 'Internal server error' };

describe.each(ADAPTERS)('postAuthHandler on %s', (adapter) => {
  let t: TestApp;
  const start = async (postAuthHandler: Options['postAuthHandler'], setup: Setup = {}): Promise<void> => {
    const options = { postAuthHandler } as Options;
    t = await startApp({ adapter, controllers: CONTROLLERS, options, ...setup });
    t.app.useLogger(false);
  };
  const get = async (path: string) => {
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    return send(t.url + path, { headers: bearer(accessToken) });
  };
  afterEach(() => t.close());

  it.each([
    ['a function', asAdmin],
    ['an async function', async (input: Input) => asAdmin(input)],
  ])('%s decides user and token before a role guard looks', async (_name, handler) => {
    await start(handler);
    const { status, json } = await get('/admin');
    expect([status, json]).toEqual([
      200,
      { user: { id: expect.any(Number), role: 'admin' }, same: true, scope: 'all' },
    ]);
  });

  it('without it the role guard refuses, so the test above means something', async () => {
    await start(undefined);
    expect((await get('/admin')).status).toBe(403);
  });

  it('is told user, token, raw token and request, once however many guards there are', async () => {
    const inputs: Input[] = [];
    await start((input) => {
      inputs.push(input);
      return asAdmin(input);
    });
    const user = await t.createUser();
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    expect((await send(`${t.url}/admin`, { headers: { ...bearer(accessToken), 'X-Trace': '42' } })).status).toBe(200);

    expect(inputs).toHaveLength(1);
    expect(inputs[0]!.user).toMatchObject({ id: user.id, email: user.email });
    expect(inputs[0]!.token.id).toBe(token.id);
    expect(inputs[0]!.rawToken).toBe(accessToken);
    expect(inputs[0]!.request.headers['x-trace']).toBe('42');
  });

  it('does not run for a bad credential, nor for none', async () => {
    let calls = 0;
    await start((input) => {
      calls += 1;
      return input;
    });
    expect((await send(`${t.url}/guarded/header`, { headers: bearer('bad') })).status).toBe(401);
    expect((await send(`${t.url}/optional/either`)).status).toBe(200);
    expect(calls).toBe(0);
  });

  it('as a provider it is the one of the container', async () => {
    await start(RegisteringHandler, { imports: [RegistryModule], providers: [RegisteringHandler] });
    expect((await get('/admin')).status).toBe(200);
    expect(t.app.get(RegisteringHandler).handled).toBe(1);
    expect(t.app.get(Registry).seen).toEqual([1]);
  });

  it('as a class that is no provider it is made with injection', async () => {
    await start(RegisteringHandler, { imports: [RegistryModule] });
    expect(() => t.app.get(RegisteringHandler)).toThrow();
    expect((await get('/admin')).status).toBe(200);
    expect(t.app.get(Registry).seen).toEqual([1]);
  });

  it('an HttpException it throws is the answer', async () => {
    await start(() => {
      throw new HttpException({ error: 'suspended' }, 451);
    });
    for (const path of ['/guarded/header', '/guarded/either', '/optional/header']) {
      const { status, json, headers } = await get(path);
      expect([status, json, headers['www-authenticate']]).toEqual([451, { error: 'suspended' }, undefined]);
    }
  });

  it('R61: a 401 it throws has a challenge as any other', async () => {
    await start(() => {
      throw new UnauthorizedException();
    });
    expect(verdict(await get('/guarded/header'))).toEqual(BAD_CREDENTIAL);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('ldap://secret');
      },
    ],
    ['rejects', () => Promise.reject(new Error('ldap://secret'))],
    ['returns nothing', () => undefined],
    ['returns null', async () => null],
    ['returns no user', () => ({ token: {} })],
    ['returns no token', () => ({ user: {} })],
    ['returns true', () => true],
  ])('R23: a handler that %s is a 500, never anonymous', async (_name, handler) => {
    await start(handler as never);
    for (const path of ['/guarded/header', '/guarded/either', '/optional/header', '/optional/either']) {
      const { status, json, headers } = await get(path);
      expect([status, json, headers['www-authenticate']]).toEqual([500, SERVER_ERROR, undefined]);
    }
  });
});

describe.each(ADAPTERS)('postAutoRefreshHandler on %s', (adapter) => {
  let t: TestApp;
  const start = async (postAutoRefreshHandler: Options['postAutoRefreshHandler'], setup: Setup = {}): Promise<void> => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const sliding = { tokenTtl: '1h', autoRefreshInterval: '5m', autoRefreshMaxTtl: '1d', refreshTokenTtl: '2h' };
    const options = { ...sliding, postAutoRefreshHandler } as Options;
    t = await startApp({ adapter, controllers: CONTROLLERS, options, extras: { autoRefresh: true }, ...setup });
    t.app.useLogger(false);
  };
  afterEach(() => t.close());

  it('runs after a slide, is told the moved token, and may replace user and token', async () => {
    const inputs: Input[] = [];
    await start((input) => {
      inputs.push(input);
      return { user: { id: -7 } as User, token: { id: 'other' } as Token };
    });
    const user = await t.createUser();
    const { accessToken, token } = await t.tokens.generateCookieToken(user);
    const get = () => send(`${t.url}/guarded/cookie`, { headers: cookie(accessToken) });

    vi.setSystemTime(NOW + 5 * MINUTE - 1);
    expect((await get()).json).toEqual({ user: user.id, session: token.id });
    expect(inputs).toEqual([]);

    vi.setSystemTime(NOW + 5 * MINUTE);
    expect((await get()).json).toEqual({ user: -7, session: 'other' });
    expect(inputs).toHaveLength(1);
    expect(inputs[0]).toMatchObject({ rawToken: accessToken, user: { id: user.id }, token: { id: token.id } });
    expect(inputs[0]!.token.expiresAt).toEqual(new Date(NOW + 65 * MINUTE));
    expect(inputs[0]!.request.headers.cookie).toContain(accessToken);
  });

  it('may be a class made with injection', async () => {
    await start(RegisteringHandler, { imports: [RegistryModule] });
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    vi.setSystemTime(NOW + 5 * MINUTE);
    expect((await send(`${t.url}/guarded/header`, { headers: bearer(accessToken) })).status).toBe(200);
    expect(t.app.get(Registry).seen).toEqual([1]);
  });

  it.each<[string, () => unknown, number]>([
    [
      'throws an HttpException',
      () => {
        throw new HttpException('later', 429);
      },
      429,
    ],
    [
      'throws anything else',
      () => {
        throw new Error('secret');
      },
      500,
    ],
    ['returns nothing', () => undefined, 500],
  ])('one that %s is the answer, as with the other hook: %3$i', async (_name, handler, status) => {
    await start(handler as never);
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    vi.setSystemTime(NOW + 5 * MINUTE);
    const answer = await send(`${t.url}/guarded/header`, { headers: bearer(accessToken) });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('secret');
  });
});
