import { UNNAMED } from '../module-extras.js';
import type { AuthType } from '../sessions/auth-type.js';
import { DOCUMENTED, requirementsOf } from './route-access.js';

/** The token that a documented route asks for. */
export interface ApiAuthentifyOptions {
  /** The transport of the access token. Default: either one, as with `AuthentifyGuard`. */
  via?: AuthType;
  /** The name of the registration, as for `GuardFor`. Default: the registration without a name. */
  registration?: string;
}

/**
 * States what a route, or every route of a controller, requires if {@link addSessionAuth} cannot see it: for example behind
 * your own guard that calls a guard of the library. It protects nothing. `@Public()` and `@OptionalAuth()` count as they do
 * with guards, and the order of the decorators does not matter.
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
