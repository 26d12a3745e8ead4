import type { Type } from '@nestjs/common';
import { CookieAuthGuard, HeaderAuthGuard } from '../authentication/guards/authentify.guard.js';
import { NamedGuard } from '../authentication/guards/guard-for.js';
import { FRESHNESS } from '../authentication/guards/requirements.js';
import { authenticates, routeOf } from '../authentication/guards/route.js';
import { COOKIE_STRATEGY, HEADER_STRATEGY } from '../constants.js';
import { UNNAMED } from '../module-extras.js';
import { AuthType } from '../sessions/auth-type.js';

/** The security schemes that a request must satisfy, all of them together, by name (OAS 3.0.4 §4.8.30). */
export type Requirement = Record<string, string[]>;

/** The name of a security scheme (OAS 3.0.4 §4.8.27): Passport's of the strategy, and that of the registration. */
export function schemeName(via: AuthType, registration: string): string {
  const strategy = via === 'header' ? HEADER_STRATEGY : COOKIE_STRATEGY;
  return registration === UNNAMED ? strategy : `${strategy}-${registration}`;
}

/** One requirement for each transport; any of them is enough. */
export function requirementsOf(registration: string, via?: AuthType): Requirement[] {
  const ways = via === undefined ? [AuthType.HEADER, AuthType.COOKIE] : [via];
  return ways.map((way) => ({ [schemeName(way, registration)]: [] }));
}

/** The requirements that satisfy two guards; `undefined` = the guard has none. */
export function bothOf(one?: Requirement[], other?: Requirement[]): Requirement[] | undefined {
  if (!one || !other) return one ?? other;
  const pairs = one.flatMap((first) => other.map((second) => ({ ...first, ...second })));
  // An alternative that requires everything another one requires, and more, is redundant.
  return pairs.filter(
    (pair, at) =>
      !pairs.some((rival, position) => {
        const names = Object.keys(rival);
        const isLess = names.length < Object.keys(pair).length || position < at;
        return position !== at && isLess && names.every((name) => name in pair);
      }),
  );
}

/** Metadata key of what `@ApiAuthentify` says of a route or a controller. */
export const DOCUMENTED = 'authentify:documented';

/** The requirements of the app's global guards. */
export interface GlobalGuards {
  /** Required of every route. */
  always?: Requirement[] | undefined;
  /** Required by `guardAllRoutes`, of routes that name no guard of the library. */
  otherwise?: Requirement[] | undefined;
}

/** The access that a route asks for. */
export interface RouteAccess {
  /** Alternatives; empty = open to everyone; `undefined` = no guard of the library. */
  security: Requirement[] | undefined;
  needsFreshLogin: boolean;
  /** Whether it asks anything of the session but a recent login. */
  needsPermission: boolean;
}

/** A handler or controller without any decorator. */
export class Unmarked {}

/** Reads a route's decorators and guards, and those of its controller. */
export function accessOf(handler: object, controller: Type, globals: GlobalGuards): RouteAccess {
  const { access, requirements, guards } = routeOf({
    getHandler: () => handler as () => void,
    getClass: <T>() => controller as Type<T>,
  });
  const documented = (target: object) => Reflect.getMetadata(DOCUMENTED, target) as Requirement[] | undefined;
  const byGuards = guards.map((guard) => requirementsOfGuard(guard)).reduce(bothOf, undefined);
  const guarded =
    documented(handler) ?? bothOf(globals.always, bothOf(documented(controller), byGuards) ?? globals.otherwise);
  // An empty requirement makes the others optional (OAS 3.0.4 §4.8.30).
  const asked = guarded && access === 'optional' ? [{}, ...guarded] : guarded;
  return {
    security: access === 'public' ? [] : asked,
    needsFreshLogin: requirements.some(({ kind }) => kind === FRESHNESS),
    needsPermission: requirements.some(({ kind }) => kind !== FRESHNESS),
  };
}

/** The requirements of one of the library's guards; `undefined` for a guard of the app's own. */
export function requirementsOfGuard(guard: Type, registration = UNNAMED): Requirement[] | undefined {
  if (!authenticates(guard)) return undefined;
  if (guard.prototype instanceof NamedGuard) {
    const { of, registration: name } = guard as unknown as typeof NamedGuard;
    return requirementsOfGuard(of, name);
  }
  if (isA(guard, HeaderAuthGuard)) return requirementsOf(registration, AuthType.HEADER);
  return requirementsOf(registration, isA(guard, CookieAuthGuard) ? AuthType.COOKIE : undefined);
}

function isA(type: Type, base: Type): boolean {
  return type === base || type.prototype instanceof base;
}
