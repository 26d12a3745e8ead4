import type { IncomingRequest } from '../../options/auth-handler.interface.js';
import type { DeepReadonly, JsonObject } from '../../tokens/json.js';

/** Metadata key of the list of what `@RequireContext` asks for. */
export const REQUIRED_CONTEXT = 'authentify:required-context';

/** Decides by a session's context, and the request, whether a handler may run. */
export type ContextPredicate<
  TContext extends object = JsonObject,
  TRequest extends IncomingRequest = IncomingRequest,
> = (context: DeepReadonly<TContext>, request: TRequest) => boolean | Promise<boolean>;

/** What one `@RequireContext` asks for: members, or a predicate's consent. */
export type ContextRequirement = object | ContextPredicate;

/** Whether `actual` has every member of `required`, at every depth; arrays must be equal. */
export function holds(actual: unknown, required: unknown): boolean {
  if (typeof required !== 'object' || required === null) return actual === required;
  if (typeof actual !== 'object' || actual === null || Array.isArray(required) !== Array.isArray(actual)) return false;
  if (Array.isArray(required) && required.length !== (actual as unknown[]).length) return false;
  return Object.entries(required).every(
    ([key, member]) => Object.hasOwn(actual, key) && holds((actual as Record<string, unknown>)[key], member),
  );
}
