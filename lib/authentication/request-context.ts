import type { ExecutionContext } from '@nestjs/common';
import type { IncomingRequest } from '../options/auth-handler.interface.js';
import type { AbstractAuthToken } from '../tokens/entities/abstract-auth-token.js';

/** A request after a guard let it pass; combine it with the adapter's type: `Request & AuthenticatedRequest<User>`. */
export interface AuthenticatedRequest<TUser = unknown, TToken = AbstractAuthToken<TUser>> extends IncomingRequest {
  /** Who it acts as, as `postAuthHandler` decided. */
  user: TUser;
  /** The session's token. */
  auth: TToken;
}

/** A request as guards and interceptors meet it: of Express or Fastify, authenticated or not. */
export interface TransportRequest extends IncomingRequest {
  method?: string;
  /** Header names and values as they stood on the wire; Fastify keeps them on `raw`. */
  rawHeaders?: string[];
  raw?: { rawHeaders?: string[] };
  /** As the adapter's body parser left it. */
  body?: unknown;
  /** The Express application that serves it. */
  app?: object;
  /** The Fastify instance that serves it. */
  server?: object;
  user?: unknown;
  auth?: AbstractAuthToken;
}

/**
 * The request a handler runs for.
 *
 * @throws Error for a transport the guards do not know, so that it stays closed.
 */
export function requestOf(context: ExecutionContext): TransportRequest {
  assertKnown(context);
  return context.switchToHttp().getRequest<TransportRequest>();
}

/** The response of {@link requestOf}'s request, to set headers on through the HTTP adapter. */
export function responseOf(context: ExecutionContext): unknown {
  assertKnown(context);
  return context.switchToHttp().getResponse<unknown>();
}

function assertKnown(context: ExecutionContext): void {
  const type = context.getType();
  if (type !== 'http') {
    throw new Error(`nestjs-authentify does not guard "${type}" handlers; nothing was authenticated`);
  }
}
