import { Controller, type ModuleMetadata, type Type, UseFilters, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { MetadataScanner } from '@nestjs/core';
import { AnsweredFilter, AnswerGuard } from '../authentication/guards/answer.guard.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import { SessionRoutes } from './session-routes.js';

/** The path of the session routes, and your changes to them. */
export interface SessionRoutesOptions {
  /** Path of the controller: `'auth'` gives `POST /auth/refresh` and the others. */
  path: string;
  /**
   * Your class that extends `SessionRoutes`, to add a guard or a route, or to change an answer. Do not list it in
   * `controllers` too. Default: the unchanged routes.
   */
  controller?: Type<SessionRoutes>;
  /** Modules that provide the dependencies of your class and its guards, if these are not global. */
  imports?: ModuleMetadata['imports'];
}

/** Injects the controllers of a registration's session routes: one or none. */
export const SESSION_CONTROLLERS = Symbol('SESSION_CONTROLLERS');

/** Segments of unreserved characters (RFC 3986 §2.3): no parameters, no wildcards. */
const PATH = /^\/?[\w.~-]+(\/[\w.~-]+)*$/;
const KNOWN: Record<keyof SessionRoutesOptions, true> = { path: true, controller: true, imports: true };

type Handler = (this: SessionRoutes, ...args: unknown[]) => unknown;

/**
 * The controller of one registration's session routes, if it wants them: a class of its own, so that two registrations
 * have two paths, with handlers of its own, so that a document can name the operations of each.
 *
 * @throws AuthentifyConfigurationError for a path that is not plain, a class that is not made of `SessionRoutes`, and
 * handlers with decorated parameters, which would get something else (R67).
 */
export function sessionControllers(
  options: SessionRoutesOptions | null | undefined,
  registration?: string,
): Type<SessionRoutes>[] {
  if (options === undefined) return [];
  const { path, controller: routes } = checked(options);

  @Controller({ path, version: VERSION_NEUTRAL })
  class SessionController extends routes {}
  // Written down, because bundlers shorten names, and apps have session controllers too.
  Object.defineProperty(SessionController, 'name', { value: `${sessionTag(registration)}Controller` });
  for (const name of new MetadataScanner().getAllMethodNames(routes.prototype)) {
    const handler = answeringHandler(routes.prototype, name);
    if (handler) Object.defineProperty(SessionController.prototype, name, { value: handler });
  }
  return [SessionController];
}

/** What a document calls the session routes of a registration: `AuthentifySession`, `AuthentifyStaffSession`. */
export function sessionTag(registration = ''): string {
  const name = registration.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return `Authentify${name}Session`;
}

function checked(options: SessionRoutesOptions | null): { path: string; controller: Type<SessionRoutes> } {
  const { path, controller = DefaultRoutes } = options ?? ({} as Partial<SessionRoutesOptions>);
  const unknown = Object.keys(options ?? {}).find((name) => !Object.hasOwn(KNOWN, name));
  if (unknown !== undefined) fail(`has no member "${unknown}"; it knows ${Object.keys(KNOWN).join(', ')}`);
  if (typeof path !== 'string' || !PATH.test(path)) {
    fail("must be { path }, a path without parameters such as 'auth'");
  }
  if (typeof controller !== 'function' || !(controller.prototype instanceof SessionRoutes)) {
    fail('(member controller) must be a class that extends SessionRoutes');
  }
  for (const name of new MetadataScanner().getAllMethodNames(controller.prototype)) {
    if (hasDecoratedParameters(controller, name)) {
      fail(
        `(member controller) ${controller.name}.${name} decorates its parameters, but session routes take request and ` +
          'response; put a route with decorated parameters into a controller of your own',
      );
    }
  }
  return { path, controller };
}

/** The routes as they are. */
class DefaultRoutes extends SessionRoutes {}

/** Parameter decorators note what they are told on the class, under the name of the method. */
function hasDecoratedParameters(controller: Type<unknown>, name: string): boolean {
  return Reflect.getMetadataKeys(controller, name).length > 0;
}

/**
 * A handler for one controller: it does what that of the class does, is marked as that is, and answers as its last guard.
 * An override need not repeat the decorators of the route: what it says itself wins, and its guards run after those of
 * the route. `undefined` for methods that are no routes.
 */
function answeringHandler(routes: Record<string, Handler>, name: string): Handler | undefined {
  const handler = routes[name]!;
  const original = (SessionRoutes.prototype as unknown as Record<string, Handler>)[name];
  const marked = [original, handler].filter((one) => one !== undefined && Reflect.getMetadataKeys(one).length > 0);
  if (marked.length === 0) return undefined;
  const answering: Handler = function (...args) {
    return handler.apply(this, args);
  };
  Object.defineProperty(answering, 'name', { value: name });
  for (const source of new Set(marked as Handler[])) addMetadata(source, answering);
  UseGuards(AnswerGuard)(routes, name, { value: answering });
  UseFilters(AnsweredFilter)(routes, name, { value: answering });
  return answering;
}

/** Lists, such as that of guards, become one; anything else replaces what was there. */
function addMetadata(source: object, target: object): void {
  for (const key of Reflect.getMetadataKeys(source) as unknown[]) {
    const [before, added] = [Reflect.getMetadata(key, target), Reflect.getMetadata(key, source)] as unknown[];
    const isList = Array.isArray(before) && Array.isArray(added);
    Reflect.defineMetadata(key, isList ? [...before, ...added] : added, target);
  }
}

function fail(problem: string): never {
  throw new AuthentifyConfigurationError('sessionRoutes', problem);
}
