import type { Type } from '@nestjs/common';
import { CookieAuthGuard } from '../authentication/guards/cookie-auth.guard.js';
import { NamedGuard } from '../authentication/guards/guard-for.js';
import { HeaderAuthGuard } from '../authentication/guards/header-auth.guard.js';
import { FRESHNESS } from '../authentication/guards/required-freshness.js';
import { authenticates, routeOf } from '../authentication/guards/route.js';
import { UNNAMED } from '../registrations.js';
import { AuthType } from '../sessions/auth-type.js';
import { DOCUMENTED } from './api-authentify.decorator.js';
import { bothOf, type Requirement, requirementsOf } from './security-schemes.js';

/** What the app's global guards ask of a route. */
export interface GlobalGuards {
  /** Of every route. */
  always?: Requirement[] | undefined;
  /** By `guardAllRoutes`: of a route that names no guard of the library. */
  otherwise?: Requirement[] | undefined;
}

/** What a route asks for. */
export interface RouteAccess {
  /** Any of these is enough, none is needed where the list is empty; `undefined` where no guard of the library stands. */
  security: Requirement[] | undefined;
  /** Whether it asks something of the session: a recent login; anything else. */
  needsFreshLogin: boolean;
  needsPermission: boolean;
}

/** Says nothing, as a handler or as a controller. */
export class Unmarked {}

/** What a route asks for, by its marks and its guards, and those of its controller. */
export function accessOf(handler: object, controller: Type, globals: GlobalGuards): RouteAccess {
  const { access, requirements, guards } = routeOf({
    getHandler: () => handler as () => void,
    getClass: <T>() => controller as Type<T>,
  });
  const stated = (target: object) => Reflect.getMetadata(DOCUMENTED, target) as Requirement[] | undefined;
  const named = guards.map((guard) => requirementsOfGuard(guard)).reduce(bothOf, undefined);
  const guarded = stated(handler) ?? bothOf(globals.always, bothOf(stated(controller), named) ?? globals.otherwise);
  // An empty requirement makes the others optional (OAS 3.0.4 §4.8.30).
  const asked = guarded && access === 'optional' ? [{}, ...guarded] : guarded;
  return {
    security: access === 'public' ? [] : asked,
    needsFreshLogin: requirements.some(({ kind }) => kind === FRESHNESS),
    needsPermission: requirements.some(({ kind }) => kind !== FRESHNESS),
  };
}

/** What one of the library's guards asks for; `undefined` for a guard of the app's own. */
export function requirementsOfGuard(guard: Type, registration = UNNAMED): Requirement[] | undefined {
  if (!authenticates(guard)) return undefined;
  if (guard.prototype instanceof NamedGuard) {
    const named = guard as unknown as typeof NamedGuard;
    return requirementsOfGuard(named.of, named.registration);
  }
  if (isA(guard, HeaderAuthGuard)) return requirementsOf(registration, AuthType.HEADER);
  return requirementsOf(registration, isA(guard, CookieAuthGuard) ? AuthType.COOKIE : undefined);
}

function isA(type: Type, base: Type): boolean {
  return type === base || type.prototype instanceof base;
}
