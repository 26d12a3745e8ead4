import { type DynamicModule, Inject, Logger, type Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { type AppModule, modulesOf } from './authentication/platform-internals.js';
import { AUTH_TOKEN_ENTITY, AUTHENTIFY_OPTIONS } from './constants.js';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import { UNNAMED } from './module-extras.js';
import { FOR_APPS, FOR_THE_LIBRARY } from './providers.js';

/** What a registration lets other modules inject. */
const SHARED: readonly (readonly [name: string, token: Type<unknown> | symbol])[] = Object.entries({
  AUTHENTIFY_OPTIONS,
  ...FOR_APPS,
  ...FOR_THE_LIBRARY,
});

const NAMES = new Map<unknown, string>(SHARED.map(([name, token]) => [token, name]));

/**
 * The injection token of a class of this library in the registration with this name; `'default'` is the registration without
 * a name. With several registrations, `app.get(TokenService)` returns that of the last one.
 *
 * @example `app.get<TokenService<StaffToken>>(providerFor('staff', TokenService))`
 * @throws TypeError for a class that no registration provides, such as a guard of yours that extends one of ours.
 */
export function providerFor(name: string, provider: Type<unknown> | symbol): string {
  const shared = NAMES.get(provider);
  if (shared !== undefined) return tokenOf(name, shared);
  const given = typeof provider === 'function' ? provider.name : String(provider);
  throw new TypeError(
    `No registration of AuthentifyModule provides ${given}. Ask for one of ${Object.keys(FOR_APPS).join(', ')}`,
  );
}

/**
 * Injects the declared class of a parameter or property from the registration with this name: `TokenService`,
 * `TokenCookies`, `TokenRepository`, `AuthentifyEvents` or one of the guards.
 *
 * @example `constructor(@InjectFor('staff') private readonly tokens: TokenService<StaffToken>) {}`
 * @throws TypeError while decorating, if the declared type is no class, such as one imported with `import type`, or none that
 * registrations provide.
 */
export function InjectFor(name: string): ParameterDecorator & PropertyDecorator {
  return (target: object, key: string | symbol | undefined, index?: number) => {
    const declared = (
      index === undefined
        ? Reflect.getMetadata('design:type', target, key!)
        : (Reflect.getMetadata('design:paramtypes', target) as unknown[] | undefined)?.[index]
    ) as Type<unknown> | undefined;
    if (declared === undefined || declared === Object) {
      throw new TypeError(`@InjectFor('${name}') stands before no class; import its type as a value, not as a type`);
    }
    Inject(providerFor(name, declared))(target, key, index as number);
  };
}

/**
 * What other modules may inject from a registration: its classes under its name, and as they are only without one, so
 * that nobody injects one registration's service and gets the other's.
 */
export function sharedUnder(name: string | undefined): Required<Pick<DynamicModule, 'providers' | 'exports'>> {
  const named = SHARED.map(([shared, token]) => ({
    provide: tokenOf(name ?? UNNAMED, shared),
    useExisting: token,
  }));
  const names = named.map(({ provide }) => provide);
  return { providers: named, exports: name === undefined ? [...names, ...SHARED.map(([, token]) => token)] : names };
}

function tokenOf(registration: string, shared: string): string {
  return `authentify:${registration}:${shared}`;
}

/** The registrations of an app by name, each as the module it is. */
export function registrationsIn(modules: ModulesContainer): Map<string, AppModule> {
  return new Map(
    modulesOf(modules).flatMap((module) =>
      [...module.providers.keys()].flatMap((token) => {
        const [, name] = /^authentify:(\w+):/.exec(String(token)) ?? [];
        return name !== undefined && token === providerFor(name, AUTHENTIFY_OPTIONS) ? [[name, module] as const] : [];
      }),
    ),
  );
}

/**
 * Says whose classes `app.get` gives where that is not the registration without a name: Nest takes the module that was
 * imported last. The one without a name asks, so that it is said once.
 */
export function tellWhomGetGives(modules: ModulesContainer): void {
  const names = [...registrationsIn(modules).keys()];
  const last = names.at(-1);
  if (last === undefined || last === UNNAMED) return;
  new Logger('AuthentifyModule').log(
    `Registrations: ${names.join(', ')}. app.get(TokenService) gives that of '${last}', imported last; ` +
      'use app.get(providerFor(name, TokenService)), or import the one without a name after the others',
  );
}

/**
 * Checks the registrations of an app, before any database is asked.
 *
 * @throws AuthentifyConfigurationError where several share the same with the same modules, or guard the same routes.
 */
export function assertApart(modules: ModulesContainer, forAllRoutes: Type<unknown>): void {
  const registrations = modulesOf(modules).filter(({ providers }) => providers.has(AUTH_TOKEN_ENTITY));
  const shared = registrations.filter(({ isGlobal }) => isGlobal).flatMap((one) => Array.from(one.exports));
  if (new Set(shared).size < shared.length) {
    throw new AuthentifyConfigurationError(
      'name',
      'is missing, or not unique: the app registers the module several times, for all modules. ' +
        "Give all but one registration a name of its own, such as 'staff', and see GuardFor and InjectFor",
    );
  }
  if (registrations.filter(({ providers }) => providers.has(forAllRoutes)).length > 1) {
    throw new AuthentifyConfigurationError(
      'guardAllRoutes',
      'is set by several registrations, and no request could satisfy them all; set it for one, and guard the routes ' +
        'of the others with GuardFor',
    );
  }
}
