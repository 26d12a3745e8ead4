import { UseGuards, UseInterceptors } from '@nestjs/common';
import { Field, Int, Mutation, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import {
  type AbstractAuthToken,
  AuthentifyGuard,
  AutoRefreshInterceptor,
  CookieAuthGuard,
  CurrentToken,
  CurrentUser,
  HeaderAuthGuard,
  Public,
  RequireContext,
  RequireFresh,
} from 'nestjs-authentify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bearer, cookie, send } from '../requests/client.js';
import { BAD_CREDENTIAL, INVALID_TOKEN } from '../requests/controllers.js';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { graphqlApp, postQuery, type Server, SERVER_NAMES, WhoamiObject, whoami } from './drivers/graphql.js';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 0, 15, 12);
const FROM_ELSEWHERE = { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' };
const CROSS_SITE = { statusCode: 403, message: 'Forbidden', errorCode: 'cross_site_request' };

@ObjectType()
class Account {
  @Field(() => Int)
  id!: number;
}

@Resolver(() => Account)
class AccountResolver {
  static changes = 0;

  @Query(() => Account)
  @UseGuards(AuthentifyGuard)
  account(@CurrentUser() { id }: User): Account {
    return { id };
  }

  @ResolveField(() => String)
  @UseGuards(AuthentifyGuard, HeaderAuthGuard)
  email(@Parent() { id }: Account, @CurrentUser() user: User): string {
    return id === user.id ? user.email : '';
  }

  @ResolveField(() => String)
  @RequireContext({ device: 'phone' })
  pushToken(): string {
    return 'of the phone';
  }

  @Mutation(() => Int)
  @UseGuards(AuthentifyGuard)
  change(): number {
    AccountResolver.changes += 1;
    return AccountResolver.changes;
  }
}

let asked: string[] = [];

@Resolver(() => Account)
@Public()
class CountingResolver {
  @Query(() => [Account])
  @UseGuards(AuthentifyGuard)
  accounts(): Account[] {
    return [{ id: 1 }, { id: 2 }, { id: 3 }];
  }

  @ResolveField(() => Int)
  @RequireContext<{ device?: string }>(({ device }) => {
    asked.push('balance');
    return device === 'phone';
  })
  balance(): number {
    asked.push('resolved');
    return 1;
  }
}

@Resolver()
class RequirementsResolver {
  @Query(() => Boolean)
  @UseGuards(AuthentifyGuard)
  @RequireContext({ device: 'phone' })
  onPhone(): boolean {
    return true;
  }

  @Query(() => Boolean)
  @RequireFresh('10m')
  @UseGuards(AuthentifyGuard)
  fresh(): boolean {
    return true;
  }
}

@Resolver()
class UnguardedResolver {
  @Query(() => WhoamiObject)
  closed(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): WhoamiObject {
    return whoami(user, token);
  }

  @Query(() => Boolean)
  @Public()
  open(): boolean {
    return true;
  }

  @Query(() => Boolean)
  @UseGuards(CookieAuthGuard)
  inCookie(): boolean {
    return true;
  }
}

@Resolver()
class SlidingResolver {
  @Query(() => Boolean)
  @UseGuards(CookieAuthGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  slide(): boolean {
    return true;
  }
}

describe.each(SERVER_NAMES)('resolvers of %s', (server: Server) => {
  let t: TestApp;
  afterEach(() => t.close());
  const start = async (
    resolvers: Parameters<typeof graphqlApp>[1],
    { driver = {}, ...setup }: Setup & { driver?: object } = {},
  ): Promise<TestApp> => {
    t = await startApp({ ...graphqlApp(server, resolvers, driver), ...setup });
    return t;
  };
  const login = async (context: object = {}) => {
    const user = await t.createUser();
    return {
      user,
      header: await t.tokens.generateHeaderToken(user, { context: context as never }),
      cookie: await t.tokens.generateCookieToken(user),
    };
  };

  it.each([['guards'], ['guards', 'interceptors']])(
    'R69: a predicate of a field is asked once for all objects of a request (%s %s)',
    async (...fieldResolverEnhancers) => {
      await start([CountingResolver], { driver: { fieldResolverEnhancers } });
      const query = '{ accounts { id balance } }';
      const [phone, desktop] = [await login({ device: 'phone' }), await login()];
      asked = [];
      const { data } = await postQuery(t, query, bearer(phone.header.accessToken));
      expect(data).toEqual({ accounts: [1, 2, 3].map((id) => ({ id, balance: 1 })) });
      expect(asked.filter((one) => one === 'balance')).toHaveLength(1);
      asked = [];
      const { errors } = await postQuery(t, query, bearer(desktop.header.accessToken));
      expect(errors?.[0]).toMatchObject({ extensions: { code: 'FORBIDDEN' } });
      expect(asked).toEqual(['balance']);
      const [refused] = (await postQuery(t, '{ accounts { id } }')).errors ?? [];
      expect(refused).toMatchObject({ extensions: { code: 'UNAUTHENTICATED' } });
    },
  );

  it('share one look-up, fields of objects too', async () => {
    await start([AccountResolver], { driver: { fieldResolverEnhancers: ['guards', 'interceptors'] } });
    const { user, header } = await login({ device: 'phone' });
    const query = '{ one: account { email } two: account { email pushToken } three: account { id } }';
    const statements = await t.statements.during(async () => {
      const { data } = await postQuery(t, query, bearer(header.accessToken));
      const { email, id } = user;
      expect(data).toEqual({ one: { email }, two: { email, pushToken: 'of the phone' }, three: { id } });
    });
    expect(statements).toHaveLength(1);
  });

  it('are refused one by one, with a code and nothing secret', async () => {
    await start([UnguardedResolver], { extras: { guardAllRoutes: true } });
    const { header } = await login();
    await t.tokens.revokeToken(header.token);
    const answer = await postQuery(t, '{ closed { user } }', bearer(header.accessToken));
    expect(answer.errors).toMatchObject([
      { message: 'Unauthorized', extensions: { code: 'UNAUTHENTICATED', originalError: INVALID_TOKEN } },
    ]);
    expect(answer.headers['www-authenticate']).toBe(BAD_CREDENTIAL[1]);
    expect(answer.text).not.toMatch(/af_at_|hash|revoked/i);
  });

  it('are all guarded by guardAllRoutes, but those that are public or have a guard of their own', async () => {
    await start([UnguardedResolver], { extras: { guardAllRoutes: true } });
    const { user, header, cookie: inCookie } = await login();
    expect((await postQuery(t, '{ open }', bearer('bad'))).data).toEqual({ open: true });
    expect((await postQuery(t, '{ closed { user } }')).errors).toMatchObject([{ message: 'Unauthorized' }]);
    expect((await postQuery(t, '{ closed { user session } }', bearer(header.accessToken))).data).toEqual({
      closed: { user: user.id, session: header.token.id },
    });
    expect((await postQuery(t, '{ inCookie }', bearer(header.accessToken))).errors).toHaveLength(1);
    expect((await postQuery(t, '{ inCookie }', cookie(inCookie.accessToken))).data).toEqual({ inCookie: true });
  });

  it('R54: refuse what another site sends with a cookie, without SQL', async () => {
    await start([AccountResolver]);
    const { header, cookie: inCookie } = await login();
    const before = AccountResolver.changes;
    const statements = await t.statements.during(async () => {
      const { errors } = await postQuery(t, 'mutation { change }', {
        ...cookie(inCookie.accessToken),
        ...FROM_ELSEWHERE,
      });
      expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', originalError: CROSS_SITE } }]);
    });
    expect([statements, AccountResolver.changes]).toEqual([[], before]);
    const exempt = await postQuery(t, 'mutation { change }', { ...bearer(header.accessToken), ...FROM_ELSEWHERE });
    expect(exempt.data).toEqual({ change: before + 1 });
    const own = await postQuery(t, 'mutation { change }', { ...cookie(inCookie.accessToken), Origin: t.url });
    expect(own.data).toEqual({ change: before + 2 });
  });

  it('R54: change nothing on GET, which is not checked', async () => {
    await start([AccountResolver]);
    const { user, cookie: inCookie } = await login();
    const get = (query: string) =>
      send(`${t.url}/graphql?query=${encodeURIComponent(query)}`, {
        headers: { ...cookie(inCookie.accessToken), 'Content-Type': 'application/json', ...FROM_ELSEWHERE },
      });
    expect((await get('{ account { id } }')).json).toMatchObject({ data: { account: { id: user.id } } });
    const before = AccountResolver.changes;
    expect((await get('mutation { change }')).json).not.toHaveProperty('data.change');
    expect(AccountResolver.changes).toBe(before);
  });

  it('ask for a context and for a recent login, wherever the decorators stand', async () => {
    await start([RequirementsResolver]);
    const [phone, laptop] = [await login({ device: 'phone' }), await login({ device: 'laptop' })];
    const query = '{ onPhone fresh }';
    expect((await postQuery(t, query, bearer(phone.header.accessToken))).data).toEqual({ onPhone: true, fresh: true });
    expect((await postQuery(t, '{ onPhone }', bearer(laptop.header.accessToken))).errors).toMatchObject([
      { extensions: { code: 'FORBIDDEN', originalError: { statusCode: 403, message: 'Forbidden' } } },
    ]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10 * MINUTE });
    const stale = await postQuery(t, '{ fresh }', bearer(phone.header.accessToken));
    expect(stale.errors).toMatchObject([
      {
        extensions: {
          code: 'UNAUTHENTICATED',
          originalError: { errorCode: 'insufficient_user_authentication', maxAge: 600 },
        },
      },
    ]);
    expect(stale.headers['www-authenticate']).toContain('max_age="600"');
  });

  it('slide their session, and renew the cookie that brought it', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    await start([SlidingResolver], {
      options: { tokenTtl: '1h', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' },
    });
    const inCookie = await t.tokens.generateCookieToken(await t.createUser());
    vi.setSystemTime(NOW + 6 * MINUTE);
    const answer = await postQuery(t, '{ slide again: slide }', cookie(inCookie.accessToken));
    expect(answer.data).toEqual({ slide: true, again: true });
    expect(answer.cookies).toEqual([expect.stringMatching(/^__Host-token=af_at_\w+; Max-Age=3600;/)]);
    const [session] = await t.tokens.listUserTokens(inCookie.token.userId);
    expect(session?.expiresAt).toEqual(new Date(NOW + 66 * MINUTE));
  });

  it('stay closed where the context does not hold the request', async () => {
    await start([AccountResolver], { driver: { context: () => ({ req: { nothing: true } }) } });
    t.app.useLogger(false);
    const { header } = await login();
    const { data, errors } = await postQuery(t, 'mutation { change }', bearer(header.accessToken));
    expect([data, errors]).toMatchObject([null, [{ message: expect.stringContaining('nothing was authenticated') }]]);
  });
});

describe('resolvers of Apollo on Fastify without the response in their context', () => {
  it('slide their session all the same', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const t = await startApp({
      ...graphqlApp('Apollo on Fastify', [SlidingResolver], { context: undefined }),
      options: { tokenTtl: '1h', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' },
    });
    try {
      const issued = await t.tokens.generateCookieToken(await t.createUser());
      vi.setSystemTime(NOW + 6 * MINUTE);
      const answer = await postQuery(t, '{ slide }', cookie(issued.accessToken));
      expect([answer.data, answer.cookies]).toEqual([{ slide: true }, []]);
      const [session] = await t.tokens.listUserTokens(issued.token.userId);
      expect(session?.expiresAt).toEqual(new Date(NOW + 66 * MINUTE));
      expect((await postQuery(t, '{ slide }', cookie('bad'))).errors).toHaveLength(1);
    } finally {
      await t.close();
    }
  });
});
