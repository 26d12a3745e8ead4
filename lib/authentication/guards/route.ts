import { type CanActivate, type ExecutionContext, SetMetadata, type Type } from '@nestjs/common';
import { namedGuards, ownNamedGuards } from '../platform-internals.js';
import { type RequirementKind, REQUIREMENT_KINDS } from './requirements.js';

/** Metadata key of `@Public()`. */
export const IS_PUBLIC = 'authentify:public';

/** Metadata key of `@OptionalAuth()`. */
export const IS_OPTIONAL = 'authentify:optional';

/** What of one kind a route asks of a session. */
export interface RouteRequirement {
  readonly kind: RequirementKind<unknown>;
  readonly required: readonly unknown[];
}

/** What a route asks for, by its marks and those of its controller. */
export interface Route {
  /** Who may come: everybody; those without a credential too; those in a session only. */
  readonly access: 'public' | 'optional' | 'required';
  /** What the session must meet; nothing where the access is `public`. */
  readonly requirements: readonly RouteRequirement[];
  /** The classes of all guards that the controller and the handler name, in the order they run. */
  readonly guards: readonly Type<CanActivate>[];
  /** Whether one of them is a guard of this library, of whichever registration. */
  readonly hasOwnGuard: boolean;
}

const AUTHENTICATES = 'authentify:authenticates';

/** Marks a guard class, and all that extend it, as one that authenticates sessions of this library. */
export const Authenticates = (): ClassDecorator => SetMetadata(AUTHENTICATES, true);

/** Whether a guard is one of this library's that authenticate, or extends one. */
export function authenticates(guard: Type<CanActivate>): boolean {
  return Reflect.hasMetadata(AUTHENTICATES, guard);
}

/** A handler may be inherited by several controllers, each with marks of its own. */
const routes = new WeakMap<object, WeakMap<object, Route>>();

/** What the route that a context belongs to asks for; found out once per route. */
export function routeOf(context: Pick<ExecutionContext, 'getHandler' | 'getClass'>): Route {
  const [handler, controller] = [context.getHandler(), context.getClass()];
  let known = routes.get(handler);
  if (!known) routes.set(handler, (known = new WeakMap()));
  let route = known.get(controller);
  if (!route) known.set(controller, (route = resolve(handler, controller)));
  return route;
}

/** The marks that stand together on a handler, or on one of the classes its controller extends. */
interface Level {
  mark: (key: string) => unknown;
  guards: readonly Type<CanActivate>[];
}

/**
 * The nearest mark wins: a handler's before its class's, a class's before its parent's. Beside each other `@Public()`
 * wins over a guard, but never over a requirement: that needs a session, unless a `@Public()` is nearer.
 */
function resolve(handler: object, controller: object): Route {
  const guards = [...namedGuards(controller), ...namedGuards(handler)];
  const common = { guards, hasOwnGuard: guards.some(authenticates) };
  const asking: Level[] = [];
  let access: Route['access'] | undefined;
  for (const level of levelsOf(handler, controller)) {
    if (REQUIREMENT_KINDS.some(({ key }) => level.mark(key))) asking.push(level);
    access ??= accessAt(level);
    if (access === 'public') {
      if (asking.length === 0) return { access, requirements: [], ...common };
      access = 'required';
    }
  }
  // The controller's before the handler's.
  asking.reverse();
  const requirements = REQUIREMENT_KINDS.map((kind) => ({
    kind,
    required: asking.flatMap((level) => (level.mark(kind.key) ?? []) as unknown[]),
  })).filter(({ required }) => required.length > 0);
  return { access: requirements.length > 0 ? 'required' : (access ?? 'required'), requirements, ...common };
}

/** Nearest first. */
function levelsOf(handler: object, controller: object): Level[] {
  // A handler that was wrapped may have its metadata from the one within.
  const levels: Level[] = [{ mark: (key) => Reflect.getMetadata(key, handler), guards: namedGuards(handler) }];
  for (
    let type = controller;
    type !== null && type !== Function.prototype;
    type = Object.getPrototypeOf(type) as object
  ) {
    const holder = type;
    levels.push({ mark: (key) => Reflect.getOwnMetadata(key, holder), guards: ownNamedGuards(holder) });
  }
  return levels;
}

function accessAt({ mark, guards }: Level): Route['access'] | undefined {
  if (mark(IS_PUBLIC)) return 'public';
  if (mark(IS_OPTIONAL)) return 'optional';
  return guards.some(authenticates) ? 'required' : undefined;
}
