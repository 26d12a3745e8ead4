import {
  type CanActivate,
  Get,
  HttpCode,
  Injectable,
  Patch,
  RequestMethod,
  Scope,
  type ScopeOptions,
  type Type,
  UseGuards,
} from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { lackOf, type PrivatePart } from '../private-part.js';

/** What is used of Nest, Passport, Fastify, Mercurius and their like that they do not promise. */
export const PLATFORM_PARTS = {
  guards: {
    package: '@nestjs/common',
    part: 'the metadata that @UseGuards writes',
    seenOn: ['11', '12'],
    without: 'Nobody could say which guards a route has, so the library does not load.',
    test: ['test/unit/platform-internals.spec.ts', 'guards are found where @UseGuards puts them'],
  },
  scope: {
    package: '@nestjs/common',
    part: 'the metadata in which @Injectable keeps the scope',
    seenOn: ['11', '12'],
    without:
      'A handler class that is no provider could belong to one request and serve all, so the app does not start.',
    test: ['test/unit/platform-internals.spec.ts', 'the scope of a class is found'],
  },
  routes: {
    package: '@nestjs/common',
    part: 'the metadata in which handlers keep their method, path and @HttpCode',
    seenOn: ['11', '12'],
    without: 'The OpenAPI part, nestjs-authentify/swagger, does not load.',
    test: ['test/unit/platform-internals.spec.ts', 'method, path and status of a route are found'],
  },
  modules: {
    package: '@nestjs/core',
    part: 'ModulesContainer with the providers, injectables, controllers and exports of each module',
    seenOn: ['11', '12'],
    without: 'Registrations could not be told apart, so the app does not start.',
    test: ['test/unit/platform-internals.spec.ts', 'modules tell what they hold'],
  },
  globalGuards: {
    package: '@nestjs/core',
    part: 'ApplicationConfig, whose global guards run in the order in which they were added',
    seenOn: ['11', '12'],
    without: 'Guards of the app could run before the user is known, of which the log warns.',
    test: ['test/requests/global-guards.spec.ts', 'names a guard that gets in before it, while the app is being made'],
  },
  nestedInstances: {
    package: 'fastify',
    part: 'the prototype of request.server in a plugin, which is the instance of the application',
    seenOn: ['5', '5'],
    without: 'Requests that a plugin serves are refused.',
    test: ['test/unit/platform-internals.spec.ts', 'the instance of a plugin inherits from that of the application'],
  },
  subscriptions: {
    package: 'mercurius',
    part: 'the members request and _connectionInit of the context of a subscription',
    seenOn: ['16', '16'],
    without: 'Subscriptions are refused.',
    test: ['test/transports/graphql-subscriptions.spec.ts', 'take the header of a client that can set it'],
  },
  compilerPlugin: {
    package: '@nestjs/swagger',
    part: 'the method _OPENAPI_METADATA_FACTORY by which controllers tell what its compiler plugin found',
    seenOn: ['11', '12'],
    without: 'In the document the successful answer of some guarded routes has no type.',
    test: ['test/unit/platform-internals.spec.ts', 'the compiler plugin writes down what a route returns'],
  },
} as const satisfies Record<string, PrivatePart>;

// Nest names none of its metadata keys, so each is read off something that was decorated.

type Guard = Type<CanActivate> | CanActivate;

class Probe implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

/** @throws Error where nothing that fits was written. */
function keyOf(part: PrivatePart, decorated: object, fits: (value: unknown) => boolean): string {
  const keys = Reflect.getOwnMetadataKeys(decorated) as string[];
  const key = keys.find((one) => fits(Reflect.getOwnMetadata(one, decorated)));
  if (key === undefined) throw new Error(lackOf(part));
  return key;
}

const GUARDS = keyOfGuards();

function keyOfGuards(): string {
  class Guarded {}
  UseGuards(Probe)(Guarded);
  return keyOf(PLATFORM_PARTS.guards, Guarded, (value) => Array.isArray(value) && value[0] === Probe);
}

/** The classes of the guards that `@UseGuards` names on a handler or a controller; a class inherits its parent's. */
export function namedGuards(holder: object): Type<CanActivate>[] {
  return guardsIn(Reflect.getMetadata(GUARDS, holder)).map(typeOf);
}

/** The same of a class, without those it has from its parent. */
export function ownNamedGuards(holder: object): Type<CanActivate>[] {
  const named = guardsIn(Reflect.getOwnMetadata(GUARDS, holder));
  const inherited = guardsIn(Reflect.getMetadata(GUARDS, Object.getPrototypeOf(holder) as object));
  // Nest writes the inherited ones down again, before those of the class itself.
  const repeats = inherited.every((guard, index) => named[index] === guard);
  return (repeats ? named.slice(inherited.length) : named).map(typeOf);
}

function guardsIn(metadata: unknown): Guard[] {
  return (metadata as Guard[] | undefined) ?? [];
}

function typeOf(guard: Guard): Type<CanActivate> {
  return typeof guard === 'function' ? guard : (guard.constructor as Type<CanActivate>);
}

/** The scope that `@Injectable` gives a class. @throws Error where it cannot be told. */
export function scopeOf(type: Type<unknown>): Scope | undefined {
  class OfRequest {}
  Injectable({ scope: Scope.REQUEST })(OfRequest);
  const isScope = (value: unknown): boolean => (value as ScopeOptions | undefined)?.scope === Scope.REQUEST;
  const key = keyOf(PLATFORM_PARTS.scope, OfRequest, isScope);
  return (Reflect.getMetadata(key, type) as ScopeOptions | undefined)?.scope;
}

/** The metadata keys of a route's method and path, and of what `@HttpCode` was given. @throws Error where one is missing. */
export function routeKeys(): { method: string; path: string; httpCode: string } {
  const [path, httpCode] = ['probed-path', 299];
  const handler = (): void => {};
  const other = (): void => {};
  Patch(path)({}, 'handler', { value: handler });
  Get(path)({}, 'other', { value: other });
  HttpCode(httpCode)({}, 'handler', { value: handler });
  const { routes } = PLATFORM_PARTS;
  const method = keyOf(routes, handler, (value) => value === RequestMethod.PATCH);
  if (Reflect.getOwnMetadata(method, other) !== RequestMethod.GET) throw new Error(lackOf(routes));
  return {
    method,
    path: keyOf(routes, handler, (value) => value === path),
    httpCode: keyOf(routes, handler, (value) => value === httpCode),
  };
}

/** What Nest makes of a provider, a guard or a controller. */
interface Made {
  readonly instance: unknown;
  /** `false`: it is made anew for each request. */
  isDependencyTreeStatic(): boolean;
}

/** A module of an app, as far as it is looked at. */
export interface AppModule {
  readonly isGlobal: boolean;
  readonly providers: ReadonlyMap<unknown, Made>;
  /** Guards, interceptors, pipes and filters that its classes name. */
  readonly injectables: ReadonlyMap<unknown, Made>;
  readonly controllers: ReadonlyMap<unknown, Made>;
  readonly exports: ReadonlySet<unknown>;
}

const checked = new WeakSet<ModulesContainer>();

/** All modules of an app. @throws Error where they do not tell what they hold. */
export function modulesOf(container: ModulesContainer): readonly AppModule[] {
  const modules: AppModule[] = [...container.values()];
  if (checked.has(container)) return modules;
  const isKnown = ({ providers, injectables, controllers, exports: shared }: AppModule): boolean =>
    [providers, injectables, controllers].every((one) => one instanceof Map) && shared instanceof Set;
  if (modules.length === 0 || !modules.every(isKnown)) throw new Error(lackOf(PLATFORM_PARTS.modules));
  checked.add(container);
  return modules;
}

/** Whether a Fastify instance is that of an application, or one of its plugins'. */
export function isInstanceOf(application: unknown, instance: object): boolean {
  if (instance === application) return true;
  return typeof application === 'object' && Object.prototype.isPrototypeOf.call(application ?? {}, instance);
}

/** The socket of a subscription on Mercurius: the request that opened it, and what its client said when it did. */
export function mercuriusConnectionOf<TRequest>(context: object): { upgrade: TRequest; params: unknown } | undefined {
  const { request, _connectionInit: params } = context as { request?: TRequest; _connectionInit?: unknown };
  return request && '_connectionInit' in context ? { upgrade: request, params } : undefined;
}

/** What the compiler plugin of `@nestjs/swagger` found out of what a handler returns; nothing where it did not run. */
export function foundByPlugin(controller: object, handler: string): { type?: Type } {
  const { _OPENAPI_METADATA_FACTORY: found } = controller as {
    _OPENAPI_METADATA_FACTORY?: () => Record<string, { type?: Type }>;
  };
  return found?.()[handler] ?? {};
}
