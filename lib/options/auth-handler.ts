import type { Type } from '@nestjs/common';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';

/** The part of a request that every supported adapter and transport has. */
export interface IncomingRequest {
  headers: Record<string, string | string[] | undefined>;
}

/** What a hook is told. */
export interface AuthHandlerInput<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  user: TUser;
  token: TToken;
  /** The access token as presented; do not log it. */
  rawToken: string;
  request: IncomingRequest;
}

/** What a hook decides: who the request acts as, and with which token. */
export interface AuthHandlerResult<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  user: TUser;
  token: TToken;
}

/**
 * A hook as an injectable class. It is taken from the app's container, or made with injection where it is no
 * provider. What it throws denies the request: an `HttpException` answers as it is, anything else is a 500 (R23).
 */
export interface AuthHandler<TUser = unknown, TToken = AbstractAuthToken<TUser>> {
  handle(
    input: AuthHandlerInput<TUser, TToken>,
  ): AuthHandlerResult<TUser, TToken> | Promise<AuthHandlerResult<TUser, TToken>>;
}

/** A hook: a function, or a class with `handle()`. */
export type AuthHook<TUser = unknown, TToken = AbstractAuthToken<TUser>> =
  AuthHandler<TUser, TToken>['handle'] | Type<AuthHandler<TUser, TToken>>;
