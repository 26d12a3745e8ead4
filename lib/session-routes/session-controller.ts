import { Controller, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { SessionRoutesOptions } from '../options/authentify-options.js';
import { SessionRoutes } from './session-routes.js';

/** Injects the controllers of a registration's session routes: one or none. */
export const SESSION_CONTROLLERS = Symbol('SESSION_CONTROLLERS');

/** Segments of unreserved characters (RFC 3986 §2.3): no parameters, no wildcards. */
const PATH = /^\/?[\w.~-]+(\/[\w.~-]+)*$/;

type Handler = (this: SessionRoutes, ...args: unknown[]) => unknown;

/**
 * The controller of one registration's session routes, if it wants them: a class of its own, so that two registrations
 * have two paths, with handlers of its own, so that a document can name the operations of each.
 *
 * @throws AuthentifyConfigurationError for anything but `{ path }` with a plain path (R67).
 */
export function sessionControllers(
  options: SessionRoutesOptions | null | undefined,
  registration?: string,
): Type<SessionRoutes>[] {
  if (options === undefined) return [];
  const { path, ...unknown } = options ?? {};
  if (typeof path !== 'string' || !PATH.test(path) || Object.keys(unknown).length > 0) {
    throw new AuthentifyConfigurationError(
      'sessionRoutes',
      "must be { path }, a path without parameters such as 'auth'",
    );
  }

  @Controller({ path, version: VERSION_NEUTRAL })
  class SessionController extends SessionRoutes {}
  // Written down, because bundlers shorten names, and apps have session controllers too.
  Object.defineProperty(SessionController, 'name', { value: `${sessionTag(registration)}Controller` });
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(SessionRoutes.prototype))) {
    if (name !== 'constructor' && typeof value === 'function') {
      Object.defineProperty(SessionController.prototype, name, { value: copyOf(value as Handler) });
    }
  }
  return [SessionController];
}

/** What a document calls the session routes of a registration: `AuthentifySession`, `AuthentifyStaffSession`. */
export function sessionTag(registration = ''): string {
  const name = registration.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return `Authentify${name}Session`;
}

/** Another function that does the same, with the same metadata. */
function copyOf(handler: Handler): Handler {
  const copy: Handler = function (...args) {
    return handler.apply(this, args);
  };
  Object.defineProperty(copy, 'name', { value: handler.name });
  for (const key of Reflect.getMetadataKeys(handler) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, handler), copy);
  }
  return copy;
}
