import { Controller, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { SessionRoutesOptions } from '../options/authentify-options.interface.js';
import { SessionRoutes } from './session-routes.js';

/** Injects the controllers of a registration's session routes: one or none. */
export const SESSION_CONTROLLERS = Symbol('SESSION_CONTROLLERS');

/** Segments of unreserved characters (RFC 3986 §2.3): no parameters, no wildcards. */
const PATH = /^\/?[\w.~-]+(\/[\w.~-]+)*$/;

/**
 * The controller of one registration's session routes, if it wants them: a class of its own, so that two registrations
 * have two paths.
 *
 * @throws AuthentifyConfigurationError for anything but `{ path }` with a plain path (R67).
 */
export function sessionControllers(options: SessionRoutesOptions | null | undefined): Type<SessionRoutes>[] {
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
  return [SessionController];
}
