import { UNNAMED } from '../module-extras.js';
import type { AuthType } from '../sessions/auth-type.js';
import { DOCUMENTED, requirementsOf } from './route-access.js';

/** The token that a documented route asks for. */
export interface ApiAuthentifyOptions {
  /** How the token must travel. Default: either way, as `AuthentifyGuard` has it. */
  via?: AuthType;
  /** The registration's name, as `GuardFor` has it. Default: the one without a name. */
  registration?: string;
}

/**
 * Says what a route, or every route of a controller, asks for where {@link addSessionAuth} cannot see it: behind a guard
 * that is not the library's, such as one of your own that calls it. It guards nothing. `@Public()` and `@OptionalAuth()`
 * count as they do with guards, and its place among the decorators does not matter.
 *
 * @example
 * ```ts
 * @ApiAuthentify({ via: AuthType.COOKIE })
 * @UseGuards(SessionOrApiKeyGuard)
 * @Get('report')
 * report(): Report {}
 * ```
 */
export function ApiAuthentify({ via, registration = UNNAMED }: ApiAuthentifyOptions = {}): ClassDecorator &
  MethodDecorator {
  const requirements = requirementsOf(registration, via);
  return (target: object, _key?: string | symbol, method?: PropertyDescriptor) => {
    Reflect.defineMetadata(DOCUMENTED, requirements, (method?.value as object | undefined) ?? target);
  };
}
