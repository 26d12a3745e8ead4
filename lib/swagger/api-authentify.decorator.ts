import { RequestMethod } from '@nestjs/common';
import { ApiResponse, ApiSecurity, DECORATORS } from '@nestjs/swagger';
import { IS_OPTIONAL } from '../authentication/decorators/optional-auth.decorator.js';
import { IS_PUBLIC } from '../authentication/decorators/public.decorator.js';
import { UNNAMED } from '../authentify.registration.js';
import type { AuthType } from '../tokens/auth-type.js';
import { Refused } from './answers.js';
import { requirementsOf } from './security-schemes.js';

/** What the guard of a documented route asks for. */
export interface ApiAuthentifyOptions {
  /** How the token must travel. Default: either way, as `AuthentifyGuard` has it. */
  via?: AuthType;
  /** The registration's name, as `GuardFor` has it. Default: the one without a name. */
  registration?: string;
}

/** Metadata key of routes that say for themselves what they ask for. */
const DOCUMENTED = 'authentify:documented';

/** Where Nest keeps what `@HttpCode` was given, and which method a route answers to. */
const HTTP_CODE = '__httpCode__';
const METHOD = 'method';

/**
 * Documents what a guarded route, or every route of a controller, asks for: the token in the header or in a cookie, and
 * the 401 without it. It guards nothing. Routes that are `@Public()` are left out, and `@OptionalAuth()` makes the token
 * optional. Decorators work upwards, so this one stands above the others. The schemes it refers to are those of
 * {@link addSessionAuth}.
 *
 * @example
 * ```ts
 * @ApiAuthentify()
 * @UseGuards(AuthentifyGuard)
 * @Controller('profile')
 * export class ProfileController {}
 * ```
 */
export function ApiAuthentify({ via, registration = UNNAMED }: ApiAuthentifyOptions = {}): ClassDecorator &
  MethodDecorator {
  const requirements = requirementsOf(registration, via);
  return (target: object, _key?: string | symbol, method?: PropertyDescriptor) => {
    if (method) return documentRoute(method, [], requirements);
    const { prototype } = target as { prototype: object };
    for (const [name, own] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (name !== 'constructor' && typeof own.value === 'function') documentRoute(own, [target], requirements);
    }
  };
}

/** Documents one handler, by its own marks and those of the controller it belongs to. */
function documentRoute(
  method: PropertyDescriptor,
  owners: readonly object[],
  requirements: readonly Record<string, string[]>[],
): void {
  const handler = method.value as object;
  const isMarked = (key: string) => [handler, ...owners].some((marked) => Reflect.hasMetadata(key, marked));
  if (isMarked(IS_PUBLIC) || Reflect.hasMetadata(DOCUMENTED, handler)) return;
  Reflect.defineMetadata(DOCUMENTED, true, handler);

  const answers = Object.keys((Reflect.getMetadata(DECORATORS.API_RESPONSE, handler) ?? {}) as object);
  // Once a route describes an answer, @nestjs/swagger no longer adds that of success.
  if (answers.length === 0) ApiResponse({ status: successOf(handler) })(handler, '', method);
  if (!answers.includes('401')) Refused()(handler, '', method);
  // An empty requirement makes the others optional (OpenAPI 3.0.4 §4.8.30).
  for (const requirement of isMarked(IS_OPTIONAL) ? [{}, ...requirements] : requirements) {
    ApiSecurity(requirement)(handler, '', method);
  }
}

/** What Nest answers with where nothing fails. */
function successOf(handler: object): number {
  const stated = Reflect.getMetadata(HTTP_CODE, handler) as number | undefined;
  return stated ?? (Reflect.getMetadata(METHOD, handler) === RequestMethod.POST ? 201 : 200);
}
