import { applyDecorators, UseGuards, UseInterceptors } from '@nestjs/common';
import type { IncomingRequest } from '../../options/auth-handler.js';
import type { JsonObject } from '../../sessions/json.js';
import { ContextGuard } from '../guards/context.guard.js';
import { type ContextPredicate, CONTEXT } from '../guards/required-context.js';
import { addRequirement } from '../guards/requirement.js';

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
