import { Controller, type ExecutionContext, Get, Injectable, Req, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import {
  type AbstractAuthToken,
  AuthentifyGuard,
  CookieAuthGuard,
  CurrentToken,
  CurrentUser,
  HeaderAuthGuard,
  type IssuedTokens,
  Public,
} from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { bearer, cookie, meetingOf, send } from './client.js';
import {
  ANONYMOUS,
  BAD_CREDENTIAL,
  GuardedController,
  INVALID_TOKEN,
  type MaybeAuthenticated,
  NOTHING_PRESENTED,
  OptionalController,
  PlainController,
  UnguardedController,
  verdict,
  type Whoami,
  whoami,
} from './controllers.js';

/** Reads the token where a legacy client sends it, and lets guests in. */
@Injectable()
class LegacyClientGuard extends HeaderAuthGuard {
  protected override getRequest(context: ExecutionContext) {
    const request = super.getRequest(context);
    const legacy = request.headers['x-session'];
    if (typeof legacy === 'string') request.headers.authorization = `Bearer ${legacy}`;
    return request;
  }

  protected override handleRequest<TUser>(error: unknown, user: TUser | null, info: unknown): TUser | null {
    if (error) throw error;
    return user ?? ({ id: info === undefined ? -1 : -2 } as TUser);
  }
}

/** Authenticates a request of its own making, as the guard of another transport would. */
@Injectable()
class TranslatingGuard extends CookieAuthGuard {
  protected override getRequest(context: ExecutionContext) {
    const { method, headers } = super.getRequest(context);
    return { ...(method !== undefined && { method }), headers: { ...headers, cookie: headers['x-cookie'] } };
  }
}

@Controller()
class IdentityController {
  @Get('identity')
  @UseGuards(AuthentifyGuard)
  identity(
    @Req() request: MaybeAuthenticated,
    @CurrentUser() user: User,
    @CurrentUser('email') email: string,
    @CurrentToken() token: AbstractAuthToken,
    @CurrentToken('id') tokenId: string,
  ): object {
    return { same: request.user === user && request.auth === token, email, tokenId, authType: token.authType };
  }

  @Get('nobody')
  nobody(
    @CurrentUser() user: unknown,
    @CurrentUser('email') email: unknown,
    @CurrentToken() token: unknown,
    @CurrentToken('id') tokenId: unknown,
  ): object {
    return { types: [typeof user, typeof email, typeof token, typeof tokenId] };
  }

  @Get('translated')
  @UseGuards(TranslatingGuard)
  translated(): object {
    return {};
  }

  @Get('legacy')
  @UseGuards(LegacyClientGuard)
  legacy(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

@Controller('thrice')
@UseGuards(AuthentifyGuard, HeaderAuthGuard)
class ThriceGuardedController {
  @Get()
  @UseGuards(AuthGuard('authentify-header'), HeaderAuthGuard)
  thrice(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

@Controller('lobby')
@Public()
class PublicController {
  @Get()
  lobby(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

interface Login {
  user: User;
  header: IssuedTokens;
  cookie: IssuedTokens;
}

async function login(t: TestApp): Promise<Login> {
  const user = await t.createUser();
  return { user, header: await t.tokens.generateHeaderToken(user), cookie: await t.tokens.generateCookieToken(user) };
}

const inSession = ({ user }: Login, { token }: IssuedTokens): Whoami => ({ user: user.id, session: token.id });

describe.each(ADAPTERS)('guards on %s', (adapter) => {
  let t: TestApp;
  let ann: Login;
  let bob: Login;
  let whileVerifying = async (): Promise<void> => {};
  const isUserActive = async (user: User): Promise<boolean> => {
    await whileVerifying();
    return user.isActive;
  };
  const get = (path: string, headers: Record<string, string> = {}) => send(t.url + path, { headers });
  beforeAll(async () => {
    const controllers = [
      GuardedController,
      OptionalController,
      PlainController,
      IdentityController,
      ThriceGuardedController,
    ];
    t = await startApp({ adapter, controllers, options: { isUserActive } });
    ann = await login(t);
    bob = await login(t);
  });
  afterAll(() => t.close());

  it('HeaderAuthGuard takes the header and does not look at cookies', async () => {
    const good = bearer(ann.header.accessToken);
    expect((await get('/guarded/header', good)).json).toEqual(inSession(ann, ann.header));
    expect((await get('/guarded/header', { ...good, ...cookie('bad') })).status).toBe(200);
    expect(verdict(await get('/guarded/header', cookie(ann.cookie.accessToken)))).toEqual(NOTHING_PRESENTED);
  });

  it('CookieAuthGuard takes the cookie and does not look at the header', async () => {
    const good = cookie(ann.cookie.accessToken);
    expect((await get('/guarded/cookie', good)).json).toEqual(inSession(ann, ann.cookie));
    expect((await get('/guarded/cookie', { ...good, ...bearer('bad') })).status).toBe(200);
    expect(verdict(await get('/guarded/cookie', bearer(ann.header.accessToken)))).toEqual([401, 'Cookie realm="api"']);
  });

  it('AuthentifyGuard takes either, and the header decides where both are there', async () => {
    const [header, ownCookie] = [bearer(ann.header.accessToken), cookie(bob.cookie.accessToken)];
    expect((await get('/guarded/either', header)).json).toEqual(inSession(ann, ann.header));
    expect((await get('/guarded/either', ownCookie)).json).toEqual(inSession(bob, bob.cookie));
    expect((await get('/guarded/either', { ...ownCookie, ...header })).json).toEqual(inSession(ann, ann.header));
  });

  it.each(['/guarded/either', '/optional/either'])(
    'a bad header is a 401 at %s, however good the cookie',
    async (path) => {
      const answer = await get(path, { ...bearer('bad'), ...cookie(bob.cookie.accessToken) });
      expect(verdict(answer)).toEqual(BAD_CREDENTIAL);
      expect(answer.json).toEqual(INVALID_TOKEN);
    },
  );

  it.each(['Basic YTpi', 'Negotiate', ''])(
    'the header "%s" is nobody’s business: the cookie decides',
    async (value) => {
      const foreign = { Authorization: value };
      const good = cookie(bob.cookie.accessToken);
      expect((await get('/guarded/either', { ...foreign, ...good })).json).toEqual(inSession(bob, bob.cookie));
      expect(verdict(await get('/guarded/either', { ...foreign, ...cookie('bad') }))).toEqual(BAD_CREDENTIAL);
      expect(verdict(await get('/guarded/either', foreign))).toEqual(NOTHING_PRESENTED);
      expect((await get('/optional/either', foreign)).json).toEqual(ANONYMOUS);
    },
  );

  it('@OptionalAuth makes requests without a credential anonymous, and refuses bad ones', async () => {
    for (const path of ['/optional/header', '/optional/cookie', '/optional/either']) {
      const anonymous = await get(path);
      expect([anonymous.status, anonymous.json, anonymous.headers['www-authenticate']]).toEqual([
        200,
        ANONYMOUS,
        undefined,
      ]);
    }
    expect((await get('/optional/header', bearer(ann.header.accessToken))).json).toEqual(inSession(ann, ann.header));
    expect((await get('/optional/cookie', cookie(ann.cookie.accessToken))).json).toEqual(inSession(ann, ann.cookie));
    expect((await get('/optional/header', bearer('bad'))).status).toBe(401);
    expect((await get('/optional/cookie', cookie('bad'))).status).toBe(401);
    expect((await get('/optional/either', cookie('bad'))).status).toBe(401);
    expect((await get('/optional/cookie', { Cookie: '__Host-token=' })).json).toEqual(ANONYMOUS);
  });

  it('the plain AuthGuard of @nestjs/passport sets request.user and request.auth', async () => {
    expect((await get('/plain/header', bearer(ann.header.accessToken))).json).toEqual(inSession(ann, ann.header));
    expect((await get('/plain/cookie', cookie(ann.cookie.accessToken))).json).toEqual(inSession(ann, ann.cookie));
    for (const path of ['/plain/header', '/plain/cookie']) expect((await get(path)).status).toBe(401);
    expect((await get('/plain/header', bearer('bad'))).json).toEqual(INVALID_TOKEN);
    expect((await get('/plain/cookie', cookie('bad'))).json).toEqual(INVALID_TOKEN);
  });

  it('decorators hand out the user, the token, and single properties of both', async () => {
    expect((await get('/identity', bearer(ann.header.accessToken))).json).toEqual({
      same: true,
      email: ann.user.email,
      tokenId: ann.header.token.id,
      authType: 'header',
    });
    expect((await get('/nobody')).json).toEqual({ types: ['undefined', 'undefined', 'undefined', 'undefined'] });
  });

  it('R22: several guards on one route cost one SELECT', async () => {
    let answer: object = {};
    const statements = await t.statements.during(async () => {
      answer = (await get('/thrice', bearer(ann.header.accessToken))).json;
    });
    expect(answer).toEqual(inSession(ann, ann.header));
    expect(statements).toEqual([expect.stringMatching(/^SELECT/)]);
  });

  it('concurrent requests are never mixed up, under own and plain guards', async () => {
    const logins = await Promise.all(Array.from({ length: 8 }, () => login(t)));
    const paths = ['/guarded/header', '/plain/header', '/guarded/either', '/thrice'];
    const requests = logins.flatMap((one) => paths.map((path) => ({ one, path })));
    whileVerifying = meetingOf(requests.length);
    const answers = await Promise.all(requests.map(({ one, path }) => get(path, bearer(one.header.accessToken))));
    whileVerifying = async () => {};
    expect(answers.map(({ json }) => json)).toEqual(requests.map(({ one }) => inSession(one, one.header)));
  });

  it('a guard may be extended: where the token stands, and what becomes of the outcome', async () => {
    expect((await get('/legacy', { 'X-Session': ann.header.accessToken })).json).toEqual(inSession(ann, ann.header));
    expect((await get('/legacy', bearer(ann.header.accessToken))).json).toEqual(inSession(ann, ann.header));
    expect((await get('/legacy')).json).toEqual({ user: -1, session: null });
    expect(verdict(await get('/legacy', { 'X-Session': 'bad' }))).toEqual(BAD_CREDENTIAL);
  });

  it('R61: a guard that authenticates a request of its own making challenges as its kind does', async () => {
    expect((await get('/translated', { 'X-Cookie': `__Host-token=${ann.cookie.accessToken}` })).status).toBe(200);
    expect(verdict(await get('/translated', cookie(ann.cookie.accessToken)))).toEqual([401, 'Cookie realm="api"']);
    expect(verdict(await get('/translated', { 'X-Cookie': '__Host-token=bad' }))).toEqual([
      401,
      'Cookie realm="api", error="invalid_token"',
    ]);
  });
});

describe.each(ADAPTERS)('guardAllRoutes on %s', (adapter) => {
  let t: TestApp;
  const get = (path: string, headers: Record<string, string> = {}) => send(t.url + path, { headers });
  beforeAll(async () => {
    const controllers = [UnguardedController, PublicController, ThriceGuardedController];
    t = await startApp({ adapter, controllers, extras: { guardAllRoutes: true } });
  });
  afterAll(() => t.close());

  it('closes routes that carry no guard, and takes header or cookie', async () => {
    const ann = await login(t);
    expect(verdict(await get('/closed'))).toEqual(NOTHING_PRESENTED);
    expect(verdict(await get('/closed', cookie('bad')))).toEqual(BAD_CREDENTIAL);
    expect((await get('/closed', bearer(ann.header.accessToken))).json).toEqual(inSession(ann, ann.header));
    expect((await get('/closed', cookie(ann.cookie.accessToken))).json).toEqual(inSession(ann, ann.cookie));
  });

  it('@Public opens a route or a controller, also to somebody with a stale credential, without SQL', async () => {
    const ann = await login(t);
    const statements = await t.statements.during(async () => {
      for (const path of ['/open', '/lobby']) {
        for (const headers of [{}, bearer('bad'), cookie('bad'), bearer(ann.header.accessToken)]) {
          const answer = await get(path, headers);
          expect([answer.status, answer.json]).toEqual([200, ANONYMOUS]);
        }
      }
    });
    expect(statements).toEqual([]);
  });

  it('@OptionalAuth greets whom it knows, is anonymous without a credential, and refuses a bad one', async () => {
    const ann = await login(t);
    expect((await get('/greeting')).json).toEqual(ANONYMOUS);
    expect((await get('/greeting', bearer(ann.header.accessToken))).json).toEqual(inSession(ann, ann.header));
    expect(verdict(await get('/greeting', bearer('bad')))).toEqual(BAD_CREDENTIAL);
    expect(verdict(await get('/greeting', cookie('bad')))).toEqual(BAD_CREDENTIAL);
  });

  it('R22: the global guard beside others still costs one SELECT', async () => {
    const ann = await login(t);
    const statements = await t.statements.during(() => get('/thrice', bearer(ann.header.accessToken)));
    expect(statements).toHaveLength(1);
  });
});
