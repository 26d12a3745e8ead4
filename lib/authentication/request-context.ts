import type { ExecutionContext } from '@nestjs/common';
import { asGraphqlError } from './graphql/graphql-denial.js';
import { graphqlRequestOf, graphqlResponseOf } from './graphql/graphql-request.js';
import type { Socket } from './sockets/socket.js';
import { socketRequestOf } from './sockets/socket-request.js';
import { asWsException } from './sockets/ws-denial.js';
import type { TransportRequest } from './transport-request.js';

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

/** An error in the form in which its transport tells the client of it. */
export async function failureIn(context: ExecutionContext, error: unknown): Promise<unknown> {
  switch (context.getType<string>()) {
    case 'graphql':
      return asGraphqlError(error);
    case 'ws':
      return asWsException(error);
    default:
      return error;
  }
}

function unknownTransport(context: ExecutionContext): Error {
  return new Error(`nestjs-authentify does not guard "${context.getType()}" handlers; nothing was authenticated`);
}
