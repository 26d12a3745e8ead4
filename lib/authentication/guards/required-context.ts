import { ForbiddenException } from '@nestjs/common';
import type { IncomingRequest } from '../../options/auth-handler.js';
import type { DeepReadonly, JsonObject } from '../../sessions/json.js';
import type { RequirementKind, RequestInSession } from './requirement.js';

/** Decides by a session's context, and the request, whether a handler may run. Asked once per request and route. */
export type ContextPredicate<
  TContext extends object = JsonObject,
  TRequest extends IncomingRequest = IncomingRequest,
> = (context: DeepReadonly<TContext>, request: TRequest) => boolean | Promise<boolean>;

/** What one `@RequireContext` asks for: members, or a predicate's consent. */
export type ContextRequirement = object | ContextPredicate;

/** What `@RequireContext` asks for. */
export const CONTEXT: RequirementKind<ContextRequirement> = {
  key: 'authentify:required-context',

  /** @throws ForbiddenException (403) for another context. */
  async check(requirements, request) {
    for (const requirement of requirements) {
      if (!(await isMet(requirement, request))) throw new ForbiddenException();
    }
  },
};

async function isMet(required: ContextRequirement, request: RequestInSession): Promise<boolean> {
  const context = request.auth.contextObj;
  if (typeof required !== 'function') return holds(context, required);
  return (required as ContextPredicate)(context, request);
}

/** Whether `actual` has every member of `required`, at every depth; arrays must be equal. */
function holds(actual: unknown, required: unknown): boolean {
  if (typeof required !== 'object' || required === null) return actual === required;
  if (typeof actual !== 'object' || actual === null || Array.isArray(required) !== Array.isArray(actual)) return false;
  if (Array.isArray(required) && required.length !== (actual as unknown[]).length) return false;
  return Object.entries(required).every(
    ([key, member]) => Object.hasOwn(actual, key) && holds((actual as Record<string, unknown>)[key], member),
  );
}
