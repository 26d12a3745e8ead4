import {
  applyDecorators,
  createParamDecorator,
  type CustomDecorator,
  type ExecutionContext,
  type PipeTransform,
  SetMetadata,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import type { IncomingRequest } from '../options/auth-handler.js';
import { type Duration, parseNamedDuration } from '../options/duration.js';
import type { JsonObject } from '../sessions/json.js';
import { ContextGuard, FreshGuard } from './guards/requirement.guard.js';
import { addRequirement, CONTEXT, type ContextPredicate, FRESHNESS } from './guards/requirements.js';
import { IS_OPTIONAL, IS_PUBLIC } from './guards/route.js';
import { requestOf } from './transports.js';

/**
 * Opens a route, or a whole controller, to everybody: the guards of this library do not look at the request at all,
 * not even at a bad credential. Meant for login and refresh; for pages that greet a known user see `@OptionalAuth()`.
 */
export const Public = (): CustomDecorator => SetMetadata(IS_PUBLIC, true);

/**
 * Lets requests without a credential pass anonymously: `request.user` and `request.auth` are `undefined` then.
 * A bad credential is still a 401, and an outage a 503 (R62).
 */
export const OptionalAuth = (): CustomDecorator => SetMetadata(IS_OPTIONAL, true);

/**
 * Lets only sessions pass whose context holds these members, or satisfies the predicate: 403 otherwise, 401 without
 * a session. It is enforced after all guards, so its place among the decorators does not matter; several add up.
 *
 * @example `@RequireContext({ device: 'mobile' })`
 * @example `@RequireContext((context) => context.plan === 'premium')`
 */
export function RequireContext<
  TContext extends object = JsonObject,
  TRequest extends IncomingRequest = IncomingRequest,
>(requirement: Partial<TContext> | ContextPredicate<TContext, TRequest>): MethodDecorator & ClassDecorator {
  return applyDecorators(addRequirement(CONTEXT, requirement), UseGuards(ContextGuard), UseInterceptors(ContextGuard));
}

/**
 * Lets only sessions pass whose user logged in less than `maxAge` ago; a refresh or a slide is no login. Otherwise 401
 * with the challenge `error="insufficient_user_authentication", max_age="600"` of RFC 9470, which asks the client for a
 * new login, not for a refresh. It is enforced after all guards, so its place among the decorators does not matter; of
 * several, on a controller and a method, the shortest counts (ASVS 7.5.1).
 *
 * @param maxAge seconds or an `ms` string.
 * @example `@RequireFresh('10m')`
 * @throws TypeError, RangeError while decorating, for what is no positive duration.
 */
export function RequireFresh(maxAge: Duration): MethodDecorator & ClassDecorator {
  return applyDecorators(
    addRequirement(FRESHNESS, parseNamedDuration('@RequireFresh', maxAge)),
    UseGuards(FreshGuard),
    UseInterceptors(FreshGuard),
  );
}

/** Gives a handler's parameter the whole of a subject or, by name, one property of it; pipes may change it. */
export type MemberDecorator = (
  keyOrPipe?: string | PipeTransform | Type<PipeTransform>,
  ...pipes: (PipeTransform | Type<PipeTransform>)[]
) => ParameterDecorator;

/**
 * The user a request acts as, or one property of it; `undefined` where nobody is.
 *
 * @example `me(@CurrentUser() user: User, @CurrentUser('email') email: string)`
 */
export const CurrentUser: MemberDecorator = createParamDecorator<string | undefined>((key, context: ExecutionContext) =>
  memberOf(requestOf(context).user, key),
);

/**
 * The token of the session a request acts in, or one property of it; `undefined` where there is none.
 *
 * @example `logout(@CurrentToken() token: AuthToken, @CurrentToken('id') sessionId: string)`
 */
export const CurrentToken: MemberDecorator = createParamDecorator<string | undefined>(
  (key, context: ExecutionContext) => memberOf(requestOf(context).auth, key),
);

function memberOf(subject: unknown, key: string | undefined): unknown {
  return key === undefined ? subject : (subject as Record<string, unknown> | null | undefined)?.[key];
}
