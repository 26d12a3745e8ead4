import { ForbiddenException } from '@nestjs/common';
import type { IncomingRequest } from '../../options/auth-handler.js';
import type { Milliseconds } from '../../options/duration.js';
import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import type { DeepReadonly, JsonObject } from '../../sessions/json.js';
import { staleLogin } from '../refusals.js';
import type { TransportRequest } from '../request.js';

/** A request in a session. */
export type RequestInSession = TransportRequest & { auth: AbstractAuthToken };

/** One kind of what a route can ask of the session that a request acts in, such as its context. */
export interface RequirementKind<TRequired> {
  /** Metadata key of the list of what decorators of this kind ask for. */
  readonly key: string;
  /**
   * Holds a session against everything of this kind that the route, its controller's marks included, asks for.
   *
   * @throws HttpException, the answer to a request whose session does not meet it.
   */
  check(required: readonly TRequired[], request: RequestInSession): void | Promise<void>;
}

/** Adds to what is asked for already, so that several decorators all count; a class leaves its parent's to its parent. */
export function addRequirement<TRequired>(
  { key }: RequirementKind<TRequired>,
  required: TRequired,
): MethodDecorator & ClassDecorator {
  return (target: object, _property?: unknown, descriptor?: PropertyDescriptor) => {
    const holder = (descriptor?.value ?? target) as object;
    const known = descriptor ? Reflect.getMetadata(key, holder) : Reflect.getOwnMetadata(key, holder);
    Reflect.defineMetadata(key, [...((known ?? []) as TRequired[]), required], holder);
  };
}

/** Decides by the context of a session, and the request, whether the handler may run. Called once per request and route. */
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

/** What `@RequireFresh` asks for: how long ago the login may be. */
export const FRESHNESS: RequirementKind<Milliseconds> = {
  key: 'authentify:required-freshness',

  /** @throws UnauthorizedException (401, RFC 9470 §3) for a login that is too long ago. */
  check(maxAges, { auth }) {
    const maxAge = Math.min(...maxAges);
    // A login that lies ahead was made before the clock was set back: nobody can say how long ago.
    if (Math.abs(Date.now() - auth.createdAt.getTime()) >= maxAge) throw staleLogin(Math.floor(maxAge / 1000));
  },
};

/** Everything a route can ask of a session, in the order it is asked: who lacks a permission is sent to no new login. */
export const REQUIREMENT_KINDS: readonly RequirementKind<unknown>[] = [CONTEXT, FRESHNESS];
