import { type ExecutionContext, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { type RefusalBody, refusalBodyOf } from './refusals.js';
import { graphqlRequestOf, graphqlResponseOf } from './graphql/graphql-request.js';
import type { Socket } from './sockets/socket.js';
import { socketRequestOf } from './sockets/socket-request.js';
import type { TransportRequest } from './request.js';

/**
 * The request a handler runs for; for a message of a WebSocket the one that opened it.
 *
 * @throws Error for a transport the guards do not know, so that it stays closed.
 */
export function requestOf(context: ExecutionContext): TransportRequest {
  switch (context.getType<string>()) {
    case 'http':
      return context.switchToHttp().getRequest<TransportRequest>();
    case 'graphql':
      return graphqlRequestOf(context);
    case 'ws':
      return socketRequestOf(context.switchToWs().getClient<Socket>());
    default:
      throw unknownTransport(context);
  }
}

/** The response of {@link requestOf}'s request, to set headers on; `undefined` where no header can be set any more. */
export function responseOf(context: ExecutionContext): unknown {
  switch (context.getType<string>()) {
    case 'http':
      return context.switchToHttp().getResponse<unknown>();
    case 'graphql':
      return graphqlResponseOf(context);
    case 'ws':
      return undefined;
    default:
      throw unknownTransport(context);
  }
}

/** An error in the form in which its transport tells the client of it; one that tells nothing stays what it is. */
export async function transportError(context: ExecutionContext, error: unknown): Promise<unknown> {
  const body = refusalBodyOf(error);
  if (!body) return error;
  switch (context.getType<string>()) {
    case 'graphql':
      return withGraphqlExtensions(error as Error, body);
    case 'ws':
      return wsException(body);
    default:
      return error;
  }
}

/** The code of a GraphQL error for an HTTP status, as Nest's driver of Apollo gives it. */
const GRAPHQL_CODES: Record<number, string> = { 400: 'BAD_REQUEST', 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN' };

/** Apollo's driver adds these to errors of queries; Mercurius, and subscriptions, would tell the message alone. */
function withGraphqlExtensions(error: Error, body: RefusalBody): Error {
  const code = GRAPHQL_CODES[body.statusCode] ?? 'INTERNAL_SERVER_ERROR';
  return Object.assign(error, { extensions: { code, originalError: body } });
}

/** Nest tells a socket's client of a `WsException`; of an `HttpException` it sends "Internal server error". */
async function wsException(body: RefusalBody): Promise<Error> {
  // The package is there: it runs the gateway.
  const { WsException } = await import('@nestjs/websockets');
  return new WsException({ status: 'error', ...body });
}

function unknownTransport(context: ExecutionContext): Error {
  return new Error(`nestjs-authentify does not guard "${context.getType()}" handlers; nothing was authenticated`);
}

/**
 * Sets response headers through the HTTP adapter, so that Express and Fastify are one; does nothing where there is no
 * response, as for the messages of a socket.
 */
@Injectable()
export class ResponseHeaders {
  constructor(private readonly host: HttpAdapterHost) {}

  set(response: unknown, name: string, value: string): void {
    if (response !== undefined) this.host.httpAdapter.setHeader(response, name, value);
  }

  /** Adds a line and keeps those that others wrote: cookies must not overwrite each other. */
  append(response: unknown, name: string, value: string): void {
    if (response !== undefined) this.host.httpAdapter.appendHeader(response, name, value);
  }
}
