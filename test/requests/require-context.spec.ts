import { Controller, Get, Post, Req, UseGuards, UseInterceptors } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import {
  AuthentifyGuard,
  AutoRefreshInterceptor,
  ContextGuard,
  CookieAuthGuard,
  HeaderAuthGuard,
  type IncomingRequest,
  OptionalAuth,
  Public,
  RequireContext,
} from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { type Answer, bearer, cookie, send } from './client.js';
import {
  ANONYMOUS,
  BAD_CREDENTIAL,
  INVALID_TOKEN,
  type MaybeAuthenticated,
  NOTHING_PRESENTED,
  verdict,
  type Whoami,
  whoami,
} from './controllers.js';

interface Device {
  device?: string;
  plan?: string;
}

const MOBILE = { device: 'mobile' };

/** Requirements in every form, on routes authenticated by header. */
@Controller('rules')
@UseGuards(HeaderAuthGuard)
class RulesController {
  @Get('member')
  @RequireContext(MOBILE)
  member(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @Get('members')
  @RequireContext({ device: 'mobile', os: { name: 'ios', beta: null }, roles: ['a', 'b'], version: 2 })
  members(): object {
    return {};
  }

  @Get('absent')
  @RequireContext({ device: undefined })
  absent(): object {
    return {};
  }

  @Get('predicate')
  @RequireContext<Device>(({ device }) => device === 'mobile' || device === 'tablet')
  predicate(): object {
    return {};
  }

  @Get('async')
  @RequireContext<Device>(async ({ device }) => device === 'mobile')
  async(): object {
    return {};
  }

  @Get('request')
  @RequireContext<Device, IncomingRequest & MaybeAuthenticated>(
    ({ device }, { headers, user, auth }) =>
      headers['x-device'] === device && auth?.contextObj !== undefined && user !== undefined,
  )
  request(): object {
    return {};
  }

  @Get('throws')
  @RequireContext(() => {
    throw new Error('secret');
  })
  throws(): object {
    return {};
  }

  @Get('writes')
  @RequireContext<Device>((context) => {
    (context as Device).device = 'mobile';
    return true;
  })
  writes(): object {
    return {};
  }
}

/** The same requirement in every place it may stand. */
@Controller('places')
class PlacesController {
  handled = 0;

  @Get('above')
  @RequireContext(MOBILE)
  @UseGuards(AuthentifyGuard)
  above(): object {
    return this.handle();
  }

  @Get('below')
  @UseGuards(AuthentifyGuard)
  @RequireContext(MOBILE)
  below(): object {
    return this.handle();
  }

  @Get('guard')
  @UseGuards(AuthentifyGuard, ContextGuard)
  @RequireContext(MOBILE)
  guard(): object {
    return this.handle();
  }

  @Get('plain')
  @RequireContext(MOBILE)
  @UseGuards(AuthGuard('authentify-header'))
  plain(): object {
    return this.handle();
  }

  @Post('write')
  @RequireContext(MOBILE)
  @UseGuards(AuthentifyGuard)
  write(): object {
    return this.handle();
  }

  private handle(): object {
    this.handled += 1;
    return {};
  }
}

@Controller('class')
@RequireContext(MOBILE)
@UseGuards(AuthentifyGuard)
class ClassController {
  @Get('inherits')
  inherits(): object {
    return {};
  }

  @Get('adds')
  @RequireContext({ plan: 'pro' })
  adds(): object {
    return {};
  }

  @Get('stacks')
  @RequireContext({ plan: 'pro' })
  @RequireContext<Device & { beta?: boolean }>(({ beta }) => beta === true)
  stacks(): object {
    return {};
  }

  @Get('optional')
  @OptionalAuth()
  optional(): object {
    return {};
  }
}

/** For `guardAllRoutes`. */
@Controller('global')
class GlobalController {
  @Get('required')
  @RequireContext(MOBILE)
  required(): object {
    return {};
  }

  @Get('public')
  @Public()
  @RequireContext(MOBILE)
  public(): object {
    return {};
  }

  @Get('nothing')
  @OptionalAuth()
  nothing(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

@Controller('unguarded')
class UnguardedController {
  @Get()
  @RequireContext(MOBILE)
  unguarded(): object {
    return {};
  }

  @Get('cookie')
  @OptionalAuth()
  @RequireContext(MOBILE)
  @UseGuards(CookieAuthGuard)
  cookie(): object {
    return {};
  }

  @Get('sliding')
  @UseInterceptors(AutoRefreshInterceptor)
  @RequireContext(MOBILE)
  @UseGuards(AuthentifyGuard)
  sliding(): object {
    return {};
  }
}

const FORBIDDEN = { statusCode: 403, message: 'Forbidden' };

describe.each(ADAPTERS)('@RequireContext on %s', (adapter) => {
  let t: TestApp;
  const get = (path: string, headers: Record<string, string> = {}) => send(t.url + path, { headers });
  const inContext = async (context: object, path: string, headers: Record<string, string> = {}): Promise<Answer> => {
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser(), { context: context as never });
    return get(path, { ...bearer(accessToken), ...headers });
  };
  const status = async (context: object, path: string, headers?: Record<string, string>): Promise<number> =>
    (await inContext(context, path, headers)).status;
  beforeAll(async () => {
    const controllers = [RulesController, PlacesController, ClassController, UnguardedController];
    t = await startApp({ adapter, controllers, options: { autoRefreshInterval: '5m' } });
    t.app.useLogger(false);
  });
  afterAll(() => t.close());

  it('lets a session pass whose context has the member, and answers another one with 403', async () => {
    expect(await inContext(MOBILE, '/rules/member')).toMatchObject({ status: 200, json: { user: expect.any(Number) } });
    expect(await status({ device: 'mobile', plan: 'pro' }, '/rules/member')).toBe(200);
    const denied = await inContext({ device: 'desktop' }, '/rules/member');
    expect([denied.status, denied.json, denied.headers['www-authenticate']]).toEqual([403, FORBIDDEN, undefined]);
    expect(await status({}, '/rules/member')).toBe(403);
    expect(await status({ device: { mobile: true } }, '/rules/member')).toBe(403);
    expect(await status({ device: ['mobile'] }, '/rules/member')).toBe(403);
  });

  it('compares every member, at every depth, by value and type', async () => {
    const met = {
      device: 'mobile',
      os: { name: 'ios', beta: null, build: 7 },
      roles: ['a', 'b'],
      version: 2,
      more: true,
    };
    expect(await status(met, '/rules/members')).toBe(200);
    for (const change of [
      { device: 'desktop' },
      { os: { name: 'ios' } },
      { os: { name: 'android', beta: null } },
      { os: { name: 'ios', beta: false } },
      { os: null },
      { os: 'ios' },
      { roles: ['b', 'a'] },
      { roles: ['a', 'b', 'c'] },
      { roles: ['a'] },
      { roles: { 0: 'a', 1: 'b' } },
      { version: '2' },
    ]) {
      expect(await status({ ...met, ...change }, '/rules/members'), JSON.stringify(change)).toBe(403);
    }
    expect(await status({}, '/rules/members')).toBe(403);
  });

  it('a requirement that came out undefined lets nobody pass', async () => {
    expect(await status({}, '/rules/absent')).toBe(403);
    expect(await status(MOBILE, '/rules/absent')).toBe(403);
  });

  it.each(['/rules/predicate', '/rules/async'])('asks a predicate, and waits for it: %s', async (path) => {
    expect(await status(MOBILE, path)).toBe(200);
    expect(await status({ device: 'desktop' }, path)).toBe(403);
    expect(await status({}, path)).toBe(403);
  });

  it('a predicate is given the context and the authenticated request', async () => {
    expect(await status(MOBILE, '/rules/request', { 'X-Device': 'mobile' })).toBe(200);
    expect(await status(MOBILE, '/rules/request', { 'X-Device': 'desktop' })).toBe(403);
  });

  it('a predicate that fails, or writes to the context, opens nothing', async () => {
    const thrown = await inContext(MOBILE, '/rules/throws');
    expect([thrown.status, thrown.text]).toEqual([500, expect.not.stringContaining('secret')]);
    expect(await status({ device: 'desktop' }, '/rules/writes')).toBe(500);
  });

  it.each(['above', 'below', 'guard', 'plain'])('its place does not matter: %s', async (place) => {
    const controller = t.app.get(PlacesController);
    controller.handled = 0;
    expect(await status({ device: 'desktop' }, `/places/${place}`)).toBe(403);
    expect((await get(`/places/${place}`, bearer('bad'))).status).toBe(401);
    expect((await get(`/places/${place}`)).status).toBe(401);
    expect(controller.handled).toBe(0);
    expect(await status(MOBILE, `/places/${place}`)).toBe(200);
    expect(controller.handled).toBe(1);
  });

  it('counts for every transport the guard takes, and after the cross-site check', async () => {
    const { accessToken } = await t.tokens.generateCookieToken(await t.createUser(), { context: MOBILE });
    const write = (headers: Record<string, string>) =>
      send(`${t.url}/places/write`, { method: 'POST', headers: { ...cookie(accessToken), ...headers } });
    expect((await get('/places/above', cookie(accessToken))).status).toBe(200);
    expect((await write({ 'Sec-Fetch-Site': 'same-origin' })).status).toBe(201);
    expect((await write({ 'Sec-Fetch-Site': 'cross-site' })).json).not.toEqual(FORBIDDEN);
  });

  it('on a class it counts for every method; several add up, wherever they stand', async () => {
    expect(await status(MOBILE, '/class/inherits')).toBe(200);
    expect(await status({ device: 'desktop' }, '/class/inherits')).toBe(403);
    for (const path of ['/class/adds', '/class/stacks']) {
      expect(await status({ ...MOBILE, plan: 'pro', beta: true }, path)).toBe(200);
      expect(await status({ ...MOBILE, beta: true }, path)).toBe(403);
      expect(await status({ plan: 'pro', beta: true }, path)).toBe(403);
    }
    expect(await status({ ...MOBILE, plan: 'pro' }, '/class/stacks')).toBe(403);
  });

  it('R61: without a session it is the 401 of every other route, also on an optional or unguarded one', async () => {
    for (const path of ['/class/optional', '/unguarded']) {
      const answer = await get(path);
      expect([...verdict(answer), answer.json]).toEqual([...NOTHING_PRESENTED, INVALID_TOKEN]);
    }
    expect(verdict(await get('/unguarded/cookie'))).toEqual([401, 'Cookie realm="api"']);
    expect(verdict(await get('/class/optional', bearer('bad')))).toEqual(BAD_CREDENTIAL);
    expect(await status(MOBILE, '/class/optional')).toBe(200);
    expect(await status({ device: 'desktop' }, '/class/optional')).toBe(403);
  });

  it('stands beside other interceptors', async () => {
    expect(await status(MOBILE, '/unguarded/sliding')).toBe(200);
    expect(await status({ device: 'desktop' }, '/unguarded/sliding')).toBe(403);
  });
});

describe.each(ADAPTERS)('@RequireContext with guardAllRoutes on %s', (adapter) => {
  it('needs no guard beside it, and strictContextAccess does not turn a 403 into a 500', async () => {
    const t = await startApp({
      adapter,
      controllers: [GlobalController],
      options: { strictContextAccess: true },
      extras: { guardAllRoutes: true },
    });
    try {
      const user = await t.createUser();
      const get = async (path: string, context?: object) => {
        if (!context) return send(t.url + path);
        const { accessToken } = await t.tokens.generateHeaderToken(user, { context: context as never });
        return send(t.url + path, { headers: bearer(accessToken) });
      };
      expect((await get('/global/required', MOBILE)).status).toBe(200);
      expect((await get('/global/required', { device: 'desktop' })).status).toBe(403);
      expect((await get('/global/required', {})).status).toBe(403);
      expect(verdict(await get('/global/required'))).toEqual(NOTHING_PRESENTED);
      expect(verdict(await get('/global/public'))).toEqual(NOTHING_PRESENTED);
      expect((await get('/global/nothing')).json).toEqual(ANONYMOUS);
    } finally {
      await t.close();
    }
  });
});
