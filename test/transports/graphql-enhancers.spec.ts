import { UseGuards } from '@nestjs/common';
import { ApolloFederationDriver, type ApolloFederationDriverConfig } from '@nestjs/apollo';
import {
  Directive,
  Field,
  GraphQLModule,
  Int,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  ResolveReference,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { MercuriusFederationDriver, type MercuriusFederationDriverConfig } from '@nestjs/mercurius';
import { AuthentifyGuard, CurrentUser, Public, RequireContext } from 'nestjs-authentify';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bearer, cookie, send } from '../requests/client.js';
import { INVALID_TOKEN } from '../requests/controllers.js';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { connectGraphql, firstEvent, graphqlApp, postQuery, SERVER_NAMES } from './drivers/graphql.js';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 0, 15, 12);
/** Everything of the app runs for fields as it does for routes. */
const ENHANCERS = { fieldResolverEnhancers: ['guards', 'interceptors', 'filters'] };
const SLIDING = { tokenTtl: '1h', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' } as const;
const UNAUTHENTICATED = { extensions: { code: 'UNAUTHENTICATED', originalError: INVALID_TOKEN } };

const SCHEMA = `
  interface Owned { owner: Int! }
  type Book implements Owned { owner: Int! title: String! }
  type Film implements Owned { owner: Int! length: Int! }
  union Thing = Book | Film
  type Query { things: [Thing!]! owned: [Owned!]! open: [Thing!]! }
`;
const BOOK = { owner: 0, title: 'Sessions' };
const FILM = { owner: 0, length: 90 };
const THINGS = '{ ... on Book { owner title } ... on Film { owner length } }';
const BOTH = (owner: number): object[] => [
  { owner, title: 'Sessions' },
  { owner, length: 90 },
];

@Resolver()
class LibraryResolver {
  @Query('things')
  things(): object[] {
    return [BOOK, FILM];
  }

  @Query('owned')
  owned(): object[] {
    return [BOOK, FILM];
  }

  @Query('open')
  @Public()
  open(): object[] {
    return [BOOK];
  }
}

@Resolver('Thing')
class ThingResolver {
  @ResolveField('__resolveType')
  kindOfThing(@Parent() thing: object): string {
    return 'title' in thing ? 'Book' : 'Film';
  }
}

@Resolver('Owned')
class OwnedResolver {
  @ResolveField('__resolveType')
  kindOfOwned(@Parent() thing: object, @CurrentUser() user: User): string {
    if (!user) throw new Error('nobody');
    return 'title' in thing ? 'Book' : 'Film';
  }
}

@Resolver('Book')
class BookResolver {
  @ResolveField('owner')
  owner(@CurrentUser() user: User): number {
    return user.id;
  }
}

@Resolver('Film')
class FilmResolver {
  @ResolveField('owner')
  owner(@CurrentUser() user: User): number {
    return user.id;
  }
}

const LIBRARY = [LibraryResolver, ThingResolver, OwnedResolver, BookResolver, FilmResolver];

describe.each(SERVER_NAMES)('types of unions and interfaces on %s', (server) => {
  let t: TestApp;
  afterEach(() => t.close());
  const start = async (setup: Setup = {}): Promise<void> => {
    const options = { autoSchemaFile: undefined, typeDefs: SCHEMA, ...ENHANCERS };
    t = await startApp({ ...graphqlApp(server, LIBRARY, options), extras: { guardAllRoutes: true }, ...setup });
  };

  it('are told under guardAllRoutes, with one look-up', async () => {
    await start();
    const user = await t.createUser();
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const query = `{ things ${THINGS} owned ${THINGS} }`;
    const both = BOTH(user.id);
    const statements = await t.statements.during(async () => {
      expect((await postQuery(t, query, bearer(accessToken))).data).toEqual({ things: both, owned: both });
    });
    expect(statements).toHaveLength(1);
  });

  it('are denied like everything else, with a code', async () => {
    await start();
    for (const headers of [{}, bearer('bad')]) {
      const { errors } = await postQuery(t, `{ open ${THINGS} }`, headers);
      expect(errors).toMatchObject([UNAUTHENTICATED]);
    }
  });

  it('are told where the session slides meanwhile, and the cookie is renewed', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    await start({ options: SLIDING, extras: { guardAllRoutes: true, autoRefresh: true } });
    const user = await t.createUser();
    const { accessToken } = await t.tokens.generateCookieToken(user);
    vi.setSystemTime(NOW + 6 * MINUTE);
    const { data, cookies } = await postQuery(t, `{ things ${THINGS} }`, cookie(accessToken));
    expect(data).toEqual({ things: BOTH(user.id) });
    expect(cookies).toEqual([expect.stringMatching(/Max-Age=3600;/)]);
  });
});

@ObjectType()
@Directive('@key(fields: "id")')
class Member {
  @Field(() => Int)
  id!: number;

  @Field(() => String)
  email!: string;
}

@Resolver(() => Member)
class MemberResolver {
  @Query(() => Member)
  me(@CurrentUser('id') id: number): Partial<Member> {
    return { id };
  }

  @ResolveReference()
  @UseGuards(AuthentifyGuard)
  @RequireContext({ device: 'phone' })
  byReference({ id }: Member): Partial<Member> {
    return { id };
  }

  @ResolveField(() => String)
  email(@CurrentUser() user: User): string {
    return user.email;
  }
}

const FEDERATIONS: [name: string, setup: () => Setup][] = [
  ...(['express', 'fastify'] as const).map((adapter): [string, () => Setup] => [
    `Apollo on ${adapter}`,
    () => ({
      adapter,
      imports: [
        GraphQLModule.forRoot<ApolloFederationDriverConfig>({
          driver: ApolloFederationDriver,
          autoSchemaFile: { federation: 2 },
          ...(adapter === 'fastify' && { context: (req: unknown, res: unknown) => ({ req, res }) }),
          ...(ENHANCERS as object),
        }),
      ],
    }),
  ]),
  [
    'Mercurius',
    () => ({
      adapter: 'fastify',
      imports: [
        GraphQLModule.forRoot<MercuriusFederationDriverConfig>({
          driver: MercuriusFederationDriver,
          autoSchemaFile: { federation: 2 },
          ...(ENHANCERS as object),
        } as MercuriusFederationDriverConfig),
      ],
    }),
  ],
];

describe.each(FEDERATIONS)('references of a federation on %s', (_name, setup) => {
  let t: TestApp;
  afterEach(() => t.close());
  const start = async (more: Setup = {}): Promise<void> => {
    t = await startApp({ ...setup(), providers: [MemberResolver], extras: { guardAllRoutes: true }, ...more });
  };
  const login = async (device = 'phone') => {
    const user = await t.createUser();
    const context = { device };
    return {
      user,
      header: await t.tokens.generateHeaderToken(user, { context }),
      cookie: await t.tokens.generateCookieToken(user, { context }),
    };
  };
  /** As a gateway asks. */
  const reference = (more = ''): string =>
    `{ _entities(representations: [{ __typename: "Member", id: 7 ${more} }]) { ... on Member { id email } } }`;

  it('are resolved in the session of the request, with one look-up', async () => {
    await start();
    const { user, header } = await login();
    const statements = await t.statements.during(async () => {
      const { data } = await postQuery(t, reference(), bearer(header.accessToken));
      expect(data).toEqual({ _entities: [{ id: 7, email: user.email }] });
    });
    expect(statements).toHaveLength(1);
  });

  it('are denied with a code where the request has no session, or one of another context', async () => {
    await start();
    const { header } = await login('laptop');
    for (const headers of [{}, bearer('bad')]) {
      expect((await postQuery(t, reference(), headers)).errors).toMatchObject([UNAUTHENTICATED]);
    }
    const { errors } = await postQuery(t, reference(), bearer(header.accessToken));
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  });

  it('hold no request, whatever a client writes into them', async () => {
    await start();
    const { header } = await login();
    const forged =
      `req: { method: "GET", headers: { authorization: "Bearer ${header.accessToken}" } } ` +
      'schema: { getType: "function" } parentType: {}';
    expect((await postQuery(t, reference(forged))).errors).toMatchObject([UNAUTHENTICATED]);
  });

  it('R54: are refused to another site that sends the cookie', async () => {
    await start();
    const inCookie = (await login()).cookie;
    const headers = { ...cookie(inCookie.accessToken), 'Sec-Fetch-Site': 'cross-site' };
    expect((await postQuery(t, reference(), headers)).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  });

  it('slide their session, and renew the cookie that brought it', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    await start({ options: SLIDING, extras: { guardAllRoutes: true, autoRefresh: true } });
    const { user, cookie: inCookie } = await login();
    vi.setSystemTime(NOW + 6 * MINUTE);
    const { data, cookies } = await postQuery(t, reference(), cookie(inCookie.accessToken));
    expect(data).toMatchObject({ _entities: [{ email: user.email }] });
    expect(cookies).toEqual([expect.stringMatching(/Max-Age=3600;/)]);
  });
});

@ObjectType()
class Message {
  @Field(() => String)
  text!: string;
}

@Resolver(() => Message)
class MessageResolver {
  @Query(() => Boolean)
  @Public()
  running(): boolean {
    return true;
  }

  @Query(() => Message)
  latest(): Message {
    return { text: 'latest' };
  }

  @Subscription(() => Message, {
    filter: (payload: { text: string }) => payload.text !== 'hidden',
    resolve: (payload: Message) => payload,
  })
  async *messages(): AsyncGenerator<Message> {
    yield { text: 'hidden' };
    yield { text: 'shown' };
  }

  @ResolveField(() => String)
  readBy(@CurrentUser() user: User): string {
    return user.email;
  }
}

describe.each(SERVER_NAMES)('fields of events on %s', (server) => {
  it('belong to the session of the subscription, also where it is filtered', async () => {
    const t = await startApp({
      ...graphqlApp(server, [MessageResolver], ENHANCERS),
      extras: { guardAllRoutes: true },
    });
    t.app.useLogger(false);
    const user = await t.createUser();
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const client = connectGraphql(t, {}, bearer(accessToken));
    try {
      const { data } = await firstEvent(client, 'subscription { messages { text readBy } }');
      expect(data).toEqual({ messages: { text: 'shown', readBy: user.email } });
    } finally {
      await client.dispose();
      await t.close();
    }
  });
});

describe('what Mercurius compiles', () => {
  it('has its context where it always was', async () => {
    const t = await startApp({
      ...graphqlApp('Mercurius', [MessageResolver], { jit: 1, ...ENHANCERS }),
      extras: { guardAllRoutes: true },
    });
    try {
      const user = await t.createUser();
      const { accessToken } = await t.tokens.generateHeaderToken(user);
      for (const _time of ['interpreted', 'compiled', 'again']) {
        const { data } = await postQuery(t, '{ latest { text readBy } }', bearer(accessToken));
        expect(data).toEqual({ latest: { text: 'latest', readBy: user.email } });
        expect((await postQuery(t, '{ latest { text readBy } }')).errors).toMatchObject([UNAUTHENTICATED]);
      }
    } finally {
      await t.close();
    }
  });
});

describe('loaders of Mercurius', () => {
  it('answer behind guarded queries, and know the request', async () => {
    const loaders = {
      Message: {
        readBy: {
          loader: async (queries: unknown[], { req }: { req: { user: User } }) => queries.map(() => req.user.email),
        },
      },
    };
    const t = await startApp({
      ...graphqlApp('Mercurius', [MessageResolver], { loaders, ...ENHANCERS }),
      extras: { guardAllRoutes: true },
    });
    try {
      const user = await t.createUser();
      const { accessToken } = await t.tokens.generateHeaderToken(user);
      const { data } = await postQuery(t, '{ latest { text readBy } }', bearer(accessToken));
      expect(data).toEqual({ latest: { text: 'latest', readBy: user.email } });
    } finally {
      await t.close();
    }
  });
});

describe.each(SERVER_NAMES)('requests that offer an upgrade to %s', (server) => {
  const QUERY = '/graphql?query=%7B%20latest%20%7B%20text%20%7D%20%7D';
  const started = async (work: (t: TestApp, token: string) => Promise<void>): Promise<void> => {
    const t = await startApp({
      ...graphqlApp(server, [MessageResolver], { subscriptions: undefined, subscription: undefined }),
      extras: { guardAllRoutes: true },
    });
    t.app.useLogger(false);
    try {
      await work(t, (await t.tokens.generateHeaderToken(await t.createUser())).accessToken);
    } finally {
      await t.close();
    }
  };

  it.each(['h2c', 'TLS/1.0', 'h2c, foo/2'])('are answered as they are: %s', (upgrade) =>
    started(async (t, token) => {
      const offer = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: upgrade, 'HTTP2-Settings': 'AAMAAABkAAQAAP__' };
      for (const headers of [offer, { Upgrade: upgrade }]) {
        const { data } = await postQuery(t, '{ latest { text } }', { ...bearer(token), ...headers });
        expect(data).toEqual({ latest: { text: 'latest' } });
      }
    }),
  );

  it.each(['websocket', 'WebSocket', 'h2c, websocket'])(
    'stay closed where they would open a WebSocket: %s',
    (upgrade) =>
      started(async (t, token) => {
        const headers = { ...bearer(token), 'Content-Type': 'application/json', Upgrade: upgrade };
        const { json } = await send(`${t.url}${QUERY}`, { headers });
        expect(json).toMatchObject({ errors: [{ message: expect.stringContaining('nothing was authenticated') }] });
      }),
  );
});
