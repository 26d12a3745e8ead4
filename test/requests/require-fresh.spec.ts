import { Body, Controller, Get, HttpCode, Post, UnauthorizedException, UseGuards } from '@nestjs/common';
import {
  type AbstractAuthToken,
  AuthentifyGuard,
  CookieAuthGuard,
  CurrentToken,
  CurrentUser,
  FreshGuard,
  HeaderAuthGuard,
  type IssuedTokens,
  OptionalAuth,
  RequireContext,
  RequireFresh,
  TokenService,
} from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';
import { bearer, cookie, send } from './client.js';
import { INVALID_TOKEN, NOTHING_PRESENTED, verdict } from './controllers.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

@Controller('fresh')
class FreshController {
  @Get('above')
  @RequireFresh('10m')
  @UseGuards(HeaderAuthGuard)
  above(): object {
    return {};
  }

  @Get('below')
  @UseGuards(AuthentifyGuard)
  @RequireFresh(600)
  below(): object {
    return {};
  }

  @Get('guard')
  @UseGuards(AuthentifyGuard, FreshGuard)
  @RequireFresh('10m')
  guard(): object {
    return {};
  }

  @Get('cookie')
  @UseGuards(CookieAuthGuard)
  @RequireFresh('10m')
  cookie(): object {
    return {};
  }

  @Get('optional')
  @OptionalAuth()
  @UseGuards(AuthentifyGuard)
  @RequireFresh('10m')
  optional(): object {
    return {};
  }

  @Get('mobile')
  @UseGuards(AuthentifyGuard)
  @RequireFresh('10m')
  @RequireContext({ device: 'mobile' })
  mobile(): object {
    return {};
  }
}

@Controller('class')
@UseGuards(AuthentifyGuard)
@RequireFresh('10m')
class FreshClassController {
  @Get('inherits')
  inherits(): object {
    return {};
  }

  @Get('shorter')
  @RequireFresh('5m')
  shorter(): object {
    return {};
  }

  @Get('longer')
  @RequireFresh('1h')
  longer(): object {
    return {};
  }
}

/** The recipe of docs/recipes/step-up.md: a fresh login to change the password, which ends all other sessions. */
@Controller('password')
@UseGuards(AuthentifyGuard)
class PasswordController {
  constructor(private readonly tokens: TokenService) {}

  @Post('confirm')
  @HttpCode(200)
  async confirm(
    @CurrentUser() user: User,
    @CurrentToken() token: AbstractAuthToken,
    @Body('password') password: unknown,
  ): Promise<object> {
    if (password !== 'correct horse') throw new UnauthorizedException();
    const issued = await this.tokens.generateHeaderToken(user, { context: token.context });
    await this.tokens.revokeToken(token);
    return issued.toJSON();
  }

  @Post()
  @RequireFresh('10m')
  @HttpCode(204)
  async change(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Promise<void> {
    await this.tokens.revokeAllUserTokens(user, { except: token });
  }
}

/** What a client is told whose login is too long ago. */
const stale = (maxAge: number) => ({
  statusCode: 401,
  message: 'A more recent login is required',
  errorCode: 'insufficient_user_authentication',
  maxAge,
});
const askedFor = (maxAge: number, scheme = 'Bearer') => [
  401,
  `${scheme} realm="api", error="insufficient_user_authentication", max_age="${maxAge}"`,
];

describe.each(ADAPTERS)('@RequireFresh on %s', (adapter) => {
  let t: TestApp;
  let user: User;
  const get = (path: string, headers: Record<string, string> = {}) => send(t.url + path, { headers });
  const post = (path: string, session: Pick<IssuedTokens, 'accessToken'>, body = {}) =>
    send(t.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...bearer(session.accessToken) },
      body: JSON.stringify(body),
    });
  beforeAll(async () => {
    t = await startApp({
      adapter,
      controllers: [FreshController, FreshClassController, PasswordController],
      options: { tokenTtl: '2h', autoRefreshInterval: '1m', autoRefreshMaxTtl: '30d' },
      extras: { autoRefresh: true },
    });
  });
  beforeEach(async () => {
    user = await t.createUser();
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => t.close());

  it.each(['/fresh/above', '/fresh/below', '/fresh/guard', '/class/inherits'])(
    'R53, RFC 9470 §3: lets a login pass to the last millisecond of its time, wherever it stands: %s',
    async (path) => {
      const { accessToken } = await t.tokens.generateHeaderToken(user);
      vi.setSystemTime(NOW + 10 * MINUTE - 1);
      expect((await get(path, bearer(accessToken))).status).toBe(200);
      vi.setSystemTime(NOW + 10 * MINUTE);
      const answer = await get(path, bearer(accessToken));
      expect([...verdict(answer), answer.json]).toEqual([...askedFor(600), stale(600)]);
      expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    },
  );

  it('a cookie session is asked in the words of the cookie guard', async () => {
    const { accessToken } = await t.tokens.generateCookieToken(user);
    expect((await get('/fresh/cookie', cookie(accessToken))).status).toBe(200);
    vi.setSystemTime(NOW + 11 * MINUTE);
    expect(verdict(await get('/fresh/cookie', cookie(accessToken)))).toEqual(askedFor(600, 'Cookie'));
  });

  it('of several the shortest counts', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 5 * MINUTE);
    expect((await get('/class/inherits', bearer(accessToken))).status).toBe(200);
    expect((await get('/class/longer', bearer(accessToken))).status).toBe(200);
    expect(verdict(await get('/class/shorter', bearer(accessToken)))).toEqual(askedFor(300));
    vi.setSystemTime(NOW + 11 * MINUTE);
    expect(verdict(await get('/class/longer', bearer(accessToken)))).toEqual(askedFor(600));
  });

  it('neither a slide nor a refresh is a login', async () => {
    const session = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 9 * MINUTE);
    expect((await get('/fresh/below', bearer(session.accessToken))).status).toBe(200);
    expect((await t.tokens.verifyToken(session.accessToken))!.lastRefreshedAt).toEqual(new Date(NOW + 9 * MINUTE));
    const next = await t.tokens.refreshToken(session.refreshToken!);
    vi.setSystemTime(NOW + 11 * MINUTE);
    expect(verdict(await get('/fresh/below', bearer(next!.accessToken)))).toEqual(askedFor(600));
  });

  it('R28: a clock set back makes no login fresh, and nodes whose clocks differ a little do not mind', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW - 5 * SECOND);
    expect((await get('/fresh/below', bearer(accessToken))).status).toBe(200);
    vi.setSystemTime(NOW - 60 * MINUTE);
    expect((await get('/fresh/below', bearer(accessToken))).status).toBe(401);
  });

  it('R61: without a session it is the 401 of every other route', async () => {
    for (const path of ['/fresh/below', '/fresh/optional']) {
      const answer = await get(path);
      expect([...verdict(answer), answer.json]).toEqual([...NOTHING_PRESENTED, INVALID_TOKEN]);
    }
  });

  it('stands beside @RequireContext', async () => {
    const mobile = await t.tokens.generateHeaderToken(user, { context: { device: 'mobile' } });
    const desktop = await t.tokens.generateHeaderToken(user, { context: { device: 'desktop' } });
    expect((await get('/fresh/mobile', bearer(mobile.accessToken))).status).toBe(200);
    expect((await get('/fresh/mobile', bearer(desktop.accessToken))).status).toBe(403);
    vi.setSystemTime(NOW + 11 * MINUTE);
    expect((await get('/fresh/mobile', bearer(mobile.accessToken))).status).toBe(401);
  });

  it('R53: a password is changed after a new login only, and ends all other sessions', async () => {
    const [laptop, phone] = [await t.tokens.generateHeaderToken(user), await t.tokens.generateCookieToken(user)];
    vi.setSystemTime(NOW + 30 * MINUTE);
    expect((await post('/password', laptop)).json.errorCode).toBe('insufficient_user_authentication');

    expect((await post('/password/confirm', laptop, { password: 'wrong' })).status).toBe(401);
    const confirmed = await post('/password/confirm', laptop, { password: 'correct horse' });
    const renewed = { accessToken: confirmed.json.accessToken as string };
    expect(await t.tokens.verifyToken(laptop.accessToken)).toBeNull();
    expect(await t.tokens.verifyToken(phone.accessToken)).not.toBeNull();

    expect((await post('/password', renewed)).status).toBe(204);
    expect(await t.tokens.verifyToken(renewed.accessToken)).not.toBeNull();
    expect(await t.tokens.verifyToken(phone.accessToken)).toBeNull();
    expect(await t.tokens.refreshToken(phone.refreshToken!)).toBeNull();
  });
});

describe('@RequireFresh', () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '', '10', 'soon', null, undefined, {}])(
    'refuses %o while decorating, and says what is wrong with what',
    (maxAge) => {
      expect(() => RequireFresh(maxAge as never)).toThrow(
        /^@RequireFresh must be a (positive )?duration; use a number of seconds/,
      );
    },
  );

  it('decorates classes and methods alike', () => {
    expectTypeOf(RequireFresh).parameters.toEqualTypeOf<[string | number]>();
    expectTypeOf(RequireFresh).returns.toExtend<MethodDecorator & ClassDecorator>();
  });
});
