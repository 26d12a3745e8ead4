import type { ExecutionContext } from '@nestjs/common';
import { mercuriusConnectionOf } from '../platform-internals.js';
import type { UpgradeRequest, WsSocket } from '../sockets/socket.js';
import { socketRequestOf } from '../sockets/socket-request.js';
import { opensWebSocket, type TransportRequest } from '../request.js';

/** A socket of subscriptions: what opened it, and what its client said in `connection_init`. */
interface Connection {
  socket: WsSocket | undefined;
  upgrade: UpgradeRequest & { raw?: { rawHeaders?: string[] } };
  params: unknown;
}

/** What graphql-ws, which Apollo's driver uses, gives where there is no HTTP request. */
interface GraphqlWsContext {
  extra?: { socket?: WsSocket; request?: UpgradeRequest };
  connectionParams?: unknown;
}

/** What GraphQL servers keep as the context of an operation, as far as it is used here. */
interface GraphqlContext {
  req?: TransportRequest & GraphqlWsContext & { res?: unknown };
  res?: unknown;
  /** Of Mercurius, whose driver for federations gives no `req`; for a subscription no more than a holder of its request. */
  reply?: { request?: TransportRequest };
  /** Of a subscription on Mercurius, if the app put it there. */
  socket?: WsSocket;
}

/**
 * The request that a resolver runs for; for what comes over a socket the one that opened it, where `Authorization` among
 * the client's connection parameters stands for the header, because pages cannot set headers on a WebSocket.
 *
 * @throws Error for a context that does not tell, so that it stays closed.
 */
export function graphqlRequestOf(context: ExecutionContext): TransportRequest {
  const graphql = contextOf(context);
  const connection = connectionOf(graphql);
  if (connection?.socket) return connectionRequestOf(connection.socket, connection);
  const request = graphql.req ?? graphql.reply?.request;
  if (!connection && request?.headers && !opensWebSocket(request)) return request;
  throw new Error(
    'nestjs-authentify: this GraphQL context does not hold the request, or not the socket of a subscription; nothing ' +
      'was authenticated. Leave req of the context as the server gives it; for subscriptions on Mercurius set ' +
      'subscription: { context: (socket) => ({ socket }) }',
  );
}

/**
 * The response to {@link graphqlRequestOf}'s request; `undefined` for sockets, and where the app did not put it into the
 * context as `res`, which Apollo on Fastify needs.
 */
export function graphqlResponseOf(context: ExecutionContext): unknown {
  const graphql = contextOf(context);
  if (connectionOf(graphql)) return undefined;
  return graphql.res ?? graphql.reply ?? graphql.req?.res;
}

/** What a resolver of a field is called with: its parent, its arguments, the context, and the info. */
const INFO_OF_FIELDS = 3;

/**
 * The context stands before the info, wherever that is: a field's resolver gets it third, and one of a type
 * (`__resolveType`) or of a reference (`__resolveReference`), which have no arguments, second. Nothing is looked for in
 * parents, arguments and references themselves: what they hold may be the client's words.
 */
function contextOf(context: ExecutionContext): GraphqlContext {
  const args = context.getArgs<unknown[]>();
  const info = [INFO_OF_FIELDS, INFO_OF_FIELDS - 1].find((index) => isInfo(args[index])) ?? INFO_OF_FIELDS;
  return (args[info - 1] as GraphqlContext | null | undefined) ?? {};
}

/** By a method and a type of the schema, which no JSON can hold. */
function isInfo(arg: unknown): boolean {
  const { schema, parentType } = (arg ?? {}) as { schema?: { getType?: unknown }; parentType?: object };
  return typeof schema?.getType === 'function' && parentType !== undefined;
}

function connectionOf(context: GraphqlContext): Connection | undefined {
  const { req, socket } = context;
  if (req?.extra?.request) {
    return { socket: req.extra.socket, upgrade: req.extra.request, params: req.connectionParams };
  }
  const connection = mercuriusConnectionOf<Connection['upgrade']>(context);
  return connection && { socket, ...connection };
}

/** One request for all operations of a socket, so that it is authenticated once, and closed when its session ends. */
function connectionRequestOf(socket: WsSocket, { upgrade, params }: Connection): TransportRequest {
  socket.upgradeReq ??= {
    ...(upgrade.url !== undefined && { url: upgrade.url }),
    headers: { ...upgrade.headers, ...authorizationIn(params) },
    rawHeaders: upgrade.rawHeaders ?? upgrade.raw?.rawHeaders ?? [],
  };
  return socketRequestOf(socket);
}

function authorizationIn(params: unknown): { authorization?: string } {
  if (typeof params !== 'object' || params === null) return {};
  const found = Object.entries(params).find(([name]) => name.toLowerCase() === 'authorization');
  // Not to be believed to be text: the extractor answers anything else with a 400.
  return found ? { authorization: found[1] as string } : {};
}
