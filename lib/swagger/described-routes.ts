import { RequestMethod, type Type } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import { ApiResponse, DECORATORS } from '@nestjs/swagger';
import { foundByPlugin, routeKeys } from '../authentication/platform-internals.js';
import { type Answer, decoratorsOf, REFUSALS } from './answers.js';
import { accessOf, type GlobalGuards, type Requirement, type RouteAccess, Unmarked } from './route-access.js';

const KEYS = routeKeys();

const SAFE = new Set<unknown>([RequestMethod.GET, RequestMethod.HEAD, RequestMethod.OPTIONS]);

/** The metadata of `@nestjs/swagger` that is written here. */
const WRITTEN = [
  DECORATORS.API_SECURITY,
  DECORATORS.API_EXTENSION,
  DECORATORS.API_RESPONSE,
  DECORATORS.API_EXTRA_MODELS,
] as const;

/** The metadata of controllers and handlers before anything was written: another app may guard them otherwise. */
const originals = new WeakMap<object, Map<string, unknown>>();

/** The settings that all routes of an app share. */
export interface Surroundings {
  globals: GlobalGuards;
  /** The cookie schemes of registrations with a cross-site check. */
  checkedSchemes: ReadonlySet<string>;
}

interface Route {
  name: string;
  handler: object;
  security: Requirement[] | undefined;
  answers: Answer[];
}

/** Describes the access of every route of these controllers, where the app does not describe it itself. */
export function describeRoutes(controllers: readonly Type[], surroundings: Surroundings): void {
  const handlers = controllers.flatMap((controller) => handlersOf(controller).map(({ handler }) => handler));
  for (const target of [...controllers, ...handlers]) restore(target);
  for (const controller of controllers) ownWhatIsInherited(controller);
  for (const controller of controllers) describeController(controller, surroundings);
}

function describeController(controller: Type, surroundings: Surroundings): void {
  const routes = handlersOf(controller).map(({ name, handler }): Route => {
    const access = accessOf(handler, controller, surroundings.globals);
    const answers = refusalsOf(access, handler, surroundings).filter(
      ({ options }) => ![controller, handler].some((target) => String(options.status) in answersOf(target)),
    );
    return { name, handler, security: access.security, answers };
  });
  describeSecurity(controller, routes, surroundings);

  // Common answers go to the controller: a handler may be inherited by a controller without guards.
  const common = (routes[0]?.answers ?? []).filter((one) => routes.every(({ answers }) => answers.includes(one)));
  for (const decorate of common.flatMap(decoratorsOf)) decorate(controller);
  for (const { name, handler, answers } of routes) {
    const own = answers.filter((one) => !common.includes(one));
    // Once a route describes an answer, @nestjs/swagger no longer adds the successful one.
    if (own.length > 0 && Object.keys(answersOf(handler)).length === 0) {
      const { type } = foundByPlugin(controller, name);
      ApiResponse({ status: successOf(handler), ...(type && { type }) })(controller, name, { value: handler });
    }
    for (const decorate of own.flatMap(decoratorsOf)) decorate(controller, name, { value: handler });
  }
}

function describeSecurity(controller: Type, routes: readonly Route[], { globals }: Surroundings): void {
  const isSaid = Reflect.getMetadata(DECORATORS.API_SECURITY, controller) !== undefined;
  const common = isSaid ? undefined : accessOf(new Unmarked(), controller, globals).security;
  if (common) Reflect.defineMetadata(DECORATORS.API_SECURITY, common, controller);
  for (const { handler, security } of routes) {
    const own = Reflect.getMetadata(DECORATORS.API_SECURITY, handler) as Requirement[] | undefined;
    const isOpened = accessOf(handler, Unmarked, {}).security?.length === 0;
    const actual = own ?? (isSaid && !isOpened ? undefined : security);
    if (actual !== undefined && JSON.stringify(actual) !== JSON.stringify(common)) override(handler, actual);
  }
}

/** Replaces the security of the controller; `@ApiSecurity` could only add to it. */
function override(handler: object, security: Requirement[]): void {
  const said = (Reflect.getMetadata(DECORATORS.API_EXTENSION, handler) ?? {}) as object;
  Reflect.defineMetadata(DECORATORS.API_EXTENSION, { security, ...said }, handler);
}

/** The library's answers instead of a route's. */
function refusalsOf(access: RouteAccess, handler: object, { checkedSchemes }: Surroundings): Answer[] {
  const { security = [], needsPermission, needsFreshLogin } = access;
  const isUnsafe = !SAFE.has(Reflect.getMetadata(KEYS.method, handler));
  const takesCookies = security.some((requirement) =>
    Object.keys(requirement).some((name) => checkedSchemes.has(name)),
  );
  const answers: Answer[] = [];
  if (needsFreshLogin) answers.push(REFUSALS.staleLogin);
  else if (needsPermission || security.length > 0) answers.push(REFUSALS.unauthorized);
  if (isUnsafe && takesCookies) answers.push(needsPermission ? REFUSALS.crossSiteOrWrongContext : REFUSALS.crossSite);
  else if (needsPermission) answers.push(REFUSALS.wrongContext);
  if (security.length > 0) answers.push(REFUSALS.unavailable);
  return answers;
}

/** The routes of a controller that a document shows, inherited ones too. */
function handlersOf({ prototype }: Type): { name: string; handler: object }[] {
  return new MetadataScanner()
    .getAllMethodNames(prototype as object)
    .map((name) => ({ name, handler: (prototype as Record<string, object>)[name]! }))
    .filter(({ handler }) => Reflect.hasMetadata(KEYS.path, handler) && !isExcluded(handler));
}

function isExcluded(handler: object): boolean {
  const said = Reflect.getMetadata(DECORATORS.API_EXCLUDE_ENDPOINT, handler) as { disable?: boolean } | undefined;
  return said?.disable === true;
}

function answersOf(target: object): object {
  return (Reflect.getMetadata(DECORATORS.API_RESPONSE, target) ?? {}) as object;
}

/** The status of a route's success. */
function successOf(handler: object): number {
  const stated = Reflect.getMetadata(KEYS.httpCode, handler) as number | undefined;
  return stated ?? (Reflect.getMetadata(KEYS.method, handler) === RequestMethod.POST ? 201 : 200);
}

/** Gives a controller its own metadata, so that changes do not reach its subclasses or base class. */
function ownWhatIsInherited(controller: Type): void {
  for (const key of WRITTEN) Reflect.defineMetadata(key, Reflect.getMetadata(key, controller), controller);
}

function restore(target: object): void {
  const original = originals.get(target);
  if (!original) {
    originals.set(target, new Map(WRITTEN.map((key) => [key, Reflect.getOwnMetadata(key, target)])));
    return;
  }
  for (const [key, value] of original) {
    if (value === undefined) Reflect.deleteMetadata(key, target);
    else Reflect.defineMetadata(key, value, target);
  }
}
