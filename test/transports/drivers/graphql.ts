import { type Type, UseGuards } from '@nestjs/common';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Field, GraphQLModule, Int, ObjectType, Query, Resolver, Subscription } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import {
  type AbstractAuthToken,
  AuthentifyGuard,
  CookieAuthGuard,
  CurrentToken,
  CurrentUser,
  HeaderAuthGuard,
  OptionalAuth,
  Public,
} from 'nestjs-authentify';
import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type Answer, send } from '../../requests/client.js';
import type { Whoami } from '../../requests/controllers.js';
import type { Setup, TestApp } from '../../support/app.js';
import type { User } from '../../support/users.js';
import type { Denial, Driver } from './driver.js';

@ObjectType()
export class WhoamiObject implements Whoami {
  @Field(() => Int, { nullable: true })
  user!: number | null;

  @Field(() => String, { nullable: true })
  session!: string | null;
}

export const whoami = (user?: User, token?: AbstractAuthToken): WhoamiObject => ({
  user: user?.id ?? null,
  session: token?.id ?? null,
});

@Resolver()
class PlacesResolver {
  @Query(() => WhoamiObject)
  @UseGuards(HeaderAuthGuard)
  header(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Whoami {
    return whoami(user, token);
  }

  @Query(() => WhoamiObject)
  @UseGuards(CookieAuthGuard)
  cookie(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Whoami {
    return whoami(user, token);
  }

  @Query(() => WhoamiObject)
  @UseGuards(AuthentifyGuard)
  either(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Whoami {
    return whoami(user, token);
  }

  @Query(() => WhoamiObject)
  @OptionalAuth()
  @UseGuards(AuthentifyGuard)
  optional(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Whoami {
    return whoami(user, token);
  }

  @Query(() => WhoamiObject)
  @Public()
  @UseGuards(AuthentifyGuard)
  public(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): Whoami {
    return whoami(user, token);
  }
}

/** Answers once. */
async function* once(answer: Whoami): AsyncGenerator<Whoami> {
  yield answer;
}

const AS_YIELDED = { resolve: (answer: Whoami) => answer };

/** The same places for subscriptions. */
@Resolver()
class PlacesSubscriptions {
  @Subscription(() => WhoamiObject, AS_YIELDED)
  @UseGuards(HeaderAuthGuard)
  header(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): AsyncGenerator<Whoami> {
    return once(whoami(user, token));
  }

  @Subscription(() => WhoamiObject, AS_YIELDED)
  @UseGuards(CookieAuthGuard)
  cookie(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): AsyncGenerator<Whoami> {
    return once(whoami(user, token));
  }

  @Subscription(() => WhoamiObject, AS_YIELDED)
  @UseGuards(AuthentifyGuard)
  either(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): AsyncGenerator<Whoami> {
    return once(whoami(user, token));
  }

  @Subscription(() => WhoamiObject, AS_YIELDED)
  @OptionalAuth()
  @UseGuards(AuthentifyGuard)
  optional(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): AsyncGenerator<Whoami> {
    return once(whoami(user, token));
  }

  @Subscription(() => WhoamiObject, AS_YIELDED)
  @Public()
  @UseGuards(AuthentifyGuard)
  public(@CurrentUser() user: User, @CurrentToken() token: AbstractAuthToken): AsyncGenerator<Whoami> {
    return once(whoami(user, token));
  }
}

/** The GraphQL servers, with what docs/guide/graphql.md tells to configure and nothing else. */
export const SERVERS = {
  'Apollo on Express': {
    adapter: 'express',
    module: (options: Partial<ApolloDriverConfig> = {}) =>
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': true },
        ...options,
      }),
  },
  'Apollo on Fastify': {
    adapter: 'fastify',
    module: (options: Partial<ApolloDriverConfig> = {}) =>
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        subscriptions: { 'graphql-ws': true },
        context: (req: unknown, res: unknown) => ({ req, res }),
        ...options,
      }),
  },
  Mercurius: {
    adapter: 'fastify',
    module: (options: Partial<MercuriusDriverConfig> = {}) =>
      GraphQLModule.forRoot<MercuriusDriverConfig>({
        driver: MercuriusDriver,
        autoSchemaFile: true,
        subscription: { context: (socket: object) => ({ socket }) },
        ...options,
      } as MercuriusDriverConfig),
  },
} as const;
export type Server = keyof typeof SERVERS;
export const SERVER_NAMES = Object.keys(SERVERS) as Server[];

/** An app of these resolvers on one of the servers. */
export function graphqlApp(server: Server, providers: Type[], options: object = {}): Setup {
  const { adapter, module } = SERVERS[server];
  return { adapter, providers, imports: [module(options)] };
}

/** A GraphQL error as clients get it. */
export interface GraphqlFailure {
  message: string;
  extensions?: { code?: string; originalError?: Denial };
}

/** The answer to a GraphQL request. */
export interface GraphqlAnswer extends Answer {
  data: Record<string, unknown> | null;
  errors: GraphqlFailure[];
}

/** Sends a GraphQL request over HTTP. */
export async function postQuery(
  t: TestApp,
  query: string,
  headers: Record<string, string> = {},
): Promise<GraphqlAnswer> {
  const answer = await send(`${t.url}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  });
  const { data = null, errors = [] } = answer.json as Partial<GraphqlAnswer>;
  return { ...answer, data, errors };
}

/** Opens a socket for subscriptions, with these headers and what the client says of itself. */
export function connectGraphql(
  t: TestApp,
  headers: Record<string, string>,
  connectionParams: Record<string, unknown> = {},
): Client {
  class SocketWithHeaders extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { headers });
    }
  }
  return createClient({
    url: `${t.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: SocketWithHeaders,
    connectionParams,
    retryAttempts: 0,
  });
}

/** The first event of a subscription, or why there is none. */
export async function firstEvent(client: Client, query: string): Promise<Pick<GraphqlAnswer, 'data' | 'errors'>> {
  const events = client.iterate({ query });
  try {
    const { value } = (await events.next()) as { value: Partial<GraphqlAnswer> };
    return { data: value.data ?? null, errors: value.errors ?? [] };
  } catch (errors) {
    // Where servers send an error instead of an event; a socket that was closed is none.
    if (!Array.isArray(errors)) throw errors;
    return { data: null, errors: errors as GraphqlFailure[] };
  } finally {
    await events.return?.();
  }
}

const denialOf = ({ message, extensions }: GraphqlFailure): Denial =>
  extensions?.originalError ?? ({ message } as Denial);

/** Queries over HTTP. */
export const graphql = (server: Server): Driver => ({
  name: `${server}, queries`,
  setup: () => graphqlApp(server, [PlacesResolver]),
  async ask(t, place, headers) {
    const { data, errors } = await postQuery(t, `{ ${place} { user session } }`, headers);
    return errors[0] ? denialOf(errors[0]) : (data?.[place] as Whoami);
  },
});

/** Subscriptions over a WebSocket, whose client can say `Authorization` in a message only. */
export const subscriptions = (server: Server): Driver => ({
  name: `${server}, subscriptions`,
  setup: () => graphqlApp(server, [PlacesResolver, PlacesSubscriptions]),
  async ask(t, place, { Authorization, ...headers }) {
    const client = connectGraphql(t, headers, Authorization === undefined ? {} : { Authorization });
    const { data, errors } = await firstEvent(client, `subscription { ${place} { user session } }`);
    await client.dispose();
    return errors[0] ? denialOf(errors[0]) : (data?.[place] as Whoami);
  },
});
