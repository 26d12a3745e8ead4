import type { Type } from '@nestjs/common';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';

/** The part of a request that every supported adapter and transport has. */
export interface IncomingRequest {
  headers: Record<string, string | string[] | undefined>;
}

/** The argument of a hook. */
export interface AuthHandlerInput<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  user: TUser;
  token: TToken;
  /** The access token of the request; do not log it. */
  rawToken: string;
  request: IncomingRequest;
}

/** The result of a hook: the user and the token that the request continues with. */
export interface AuthHandlerResult<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  user: TUser;
  token: TToken;
}

/**
 * A hook as an injectable class: a provider of the app, or any class whose dependencies can be injected. An error that it
 * throws refuses the request: an `HttpException` is the answer, any other error is a 500 (R23).
 */
export interface AuthHandler<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  handle(
    input: AuthHandlerInput<TUser, TToken>,
  ): AuthHandlerResult<TUser, TToken> | Promise<AuthHandlerResult<TUser, TToken>>;
}

/** A hook: a function, or a class with `handle()`. */
export type AuthHook<TUser = unknown, TToken = AbstractAuthToken<TUser>> =
  AuthHandler<TUser, TToken>['handle'] | Type<AuthHandler<TUser, TToken>>;
