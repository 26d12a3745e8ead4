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
 * Opens a route, or a whole controller, to everyone: the guards of this library ignore credentials, even invalid ones.
 * Use it for login; for pages that show the current user, see `@OptionalAuth()`.
 */
export const Public = (): CustomDecorator => SetMetadata(IS_PUBLIC, true);

/**
 * Also accepts requests without a credential; `request.user` and `request.auth` are then `undefined`.
 * An invalid credential still gets a 401, and an outage a 503 (R62).
 */
export const OptionalAuth = (): CustomDecorator => SetMetadata(IS_OPTIONAL, true);

/**
 * Accepts only sessions whose context has these members, or satisfies the predicate. Otherwise the answer is a 403, or a
 * 401 without a session. The order of the decorators does not matter; several add up.
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
 * Accepts only sessions whose user logged in less than `maxAge` ago; a refresh or a slide does not count. Otherwise the
 * answer is a 401 with the challenge `error="insufficient_user_authentication", max_age="600"` (RFC 9470), which asks the
 * client for a new login. The order of the decorators does not matter; of several, on a controller and a method, the
 * shortest counts (ASVS 7.5.1).
 *
 * @param maxAge seconds or an `ms` string.
 * @example `@RequireFresh('10m')`
 * @throws TypeError, RangeError while decorating, for anything but a positive duration.
 */
export function RequireFresh(maxAge: Duration): MethodDecorator & ClassDecorator {
  return applyDecorators(
    addRequirement(FRESHNESS, parseNamedDuration('@RequireFresh', maxAge)),
    UseGuards(FreshGuard),
    UseInterceptors(FreshGuard),
  );
}

/** A parameter decorator for the whole object or, by name, one property; accepts pipes. */
export type CurrentDecorator = (
  keyOrPipe?: string | PipeTransform | Type<PipeTransform>,
  ...pipes: (PipeTransform | Type<PipeTransform>)[]
) => ParameterDecorator;

/**
 * The current user, or one of its properties; `undefined` for an anonymous request.
 *
 * @example `me(@CurrentUser() user: User, @CurrentUser('email') email: string)`
 */
export const CurrentUser: CurrentDecorator = createParamDecorator<string | undefined>(
  (key, context: ExecutionContext) => memberOf(requestOf(context).user, key),
);

/**
 * The session of the request, or one of its properties; `undefined` for an anonymous request.
 *
 * @example `logout(@CurrentToken() token: AuthToken, @CurrentToken('id') sessionId: string)`
 */
export const CurrentToken: CurrentDecorator = createParamDecorator<string | undefined>(
  (key, context: ExecutionContext) => memberOf(requestOf(context).auth, key),
);

function memberOf(subject: unknown, key: string | undefined): unknown {
  return key === undefined ? subject : (subject as Record<string, unknown> | null | undefined)?.[key];
}
