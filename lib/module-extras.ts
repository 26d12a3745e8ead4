import type { Provider, Type } from '@nestjs/common';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import type { SessionRoutesOptions } from './session-routes/session-controller.js';
import { AbstractAuthToken } from './sessions/entities/abstract-auth-token.js';
import { authTokenEntity } from './sessions/entities/auth-token-entity.js';

/** Options that Nest needs while it builds the modules; in `forRootAsync`, write them next to the factory. */
export interface AuthentifyExtras {
  /** Name of the TypeORM data source. Default: the data source without a name. */
  dataSource?: string;
  /** Makes guards and services available in every module. Default `true`. */
  isGlobal?: boolean;
  /** Protects every route, before the global guards of the app; `@Public()` opens a route. Default `false`. */
  guardAllRoutes?: boolean;
  /** Extends sessions while they are used, on every route. Default `false`. */
  autoRefresh?: boolean;
  /**
   * Name of this registration, if the app has several: for other users, in other tables, with other cookies. Inject its
   * services with `@InjectFor(name)`, and create its guards with `GuardFor(name)`. A lower-case word, which is part of the
   * default names of the table and the cookies. Default none.
   */
  name?: string;
  /** Adds routes to refresh, log out, list and end sessions. Default none. Your app provides the login. */
  sessionRoutes?: SessionRoutesOptions;
  /**
   * Additional providers of the module. A provider for a class of the library replaces that class for the whole module:
   * `{ provide: TokenCookies, useClass: PartitionedCookies }`. Default none.
   */
  extraProviders?: Provider[];
}

/** The user entity of the app; the library creates the token entity for it (table `auth_tokens`). */
export interface WithUserEntity<TUser> extends AuthentifyExtras {
  userEntity: Type<TUser>;
  tokenEntity?: undefined;
}

/** The token entity of the app, which extends `AbstractAuthToken`. */
export interface WithTokenEntity<TToken> extends AuthentifyExtras {
  tokenEntity: Type<TToken>;
  userEntity?: undefined;
}

/** The extras as one object, before it is known which entity was given. */
export interface GivenExtras extends AuthentifyExtras {
  userEntity?: Type<unknown>;
  tokenEntity?: Type<AbstractAuthToken>;
}

/** The extras as the module is built from them. */
export interface ResolvedExtras extends Required<
  Pick<AuthentifyExtras, 'isGlobal' | 'guardAllRoutes' | 'autoRefresh'>
> {
  tokenEntity: Type<AbstractAuthToken>;
  dataSource: string | undefined;
  name: string | undefined;
  sessionRoutes: SessionRoutesOptions | undefined;
  extraProviders: readonly Provider[];
}

/** Every extra there is, with its default: Nest strips from the options only what is named here. */
export const DEFAULT_EXTRAS: { readonly [Name in keyof Required<GivenExtras>]: GivenExtras[Name] } = {
  userEntity: undefined,
  tokenEntity: undefined,
  dataSource: undefined,
  isGlobal: true,
  guardAllRoutes: false,
  autoRefresh: false,
  name: undefined,
  sessionRoutes: undefined,
  extraProviders: undefined,
};

export const EXTRA_NAMES: readonly string[] = Object.keys(DEFAULT_EXTRAS);

/** What the registration without a name is called where one is asked for. */
export const UNNAMED = 'default';

const NAME = /^[a-z][a-z0-9_]{0,31}$/;

/** @throws AuthentifyConfigurationError for extras that are wrong or contradict each other (R67). */
export function resolveExtras(given: GivenExtras): ResolvedExtras {
  return {
    tokenEntity: tokenEntityOf(given),
    dataSource: dataSourceOf(given),
    name: nameOf(given),
    isGlobal: flag(given, 'isGlobal'),
    guardAllRoutes: flag(given, 'guardAllRoutes'),
    autoRefresh: flag(given, 'autoRefresh'),
    sessionRoutes: given.sessionRoutes,
    extraProviders: extraProvidersOf(given),
  };
}

/** The name of a registration beside another one; `undefined` for the only one, or the first. */
export function nameOf({ name }: GivenExtras): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== UNNAMED && NAME.test(name))) return name;
  throw new AuthentifyConfigurationError('name', `must be a lower-case word such as staff, and not "${UNNAMED}"`);
}

function dataSourceOf({ dataSource }: GivenExtras): string | undefined {
  if (dataSource === undefined || (typeof dataSource === 'string' && dataSource !== '')) return dataSource;
  throw new AuthentifyConfigurationError('dataSource', 'must be the name of a TypeORM data source');
}

function extraProvidersOf({ extraProviders }: GivenExtras): readonly Provider[] {
  if (extraProviders === undefined || Array.isArray(extraProviders)) return extraProviders ?? [];
  throw new AuthentifyConfigurationError('extraProviders', 'must be a list of providers');
}

function tokenEntityOf({ userEntity, tokenEntity, name }: GivenExtras): Type<AbstractAuthToken> {
  if (userEntity && tokenEntity) {
    throw new AuthentifyConfigurationError(
      'tokenEntity',
      'and userEntity exclude each other: the token entity names its user itself',
    );
  }
  if (userEntity) return authTokenEntity(() => userEntity, nameOf({ name }));
  if (!tokenEntity) {
    throw new AuthentifyConfigurationError(
      'userEntity',
      'is missing: give your user entity, or your own token entity as tokenEntity',
    );
  }
  if (typeof tokenEntity !== 'function' || !(tokenEntity.prototype instanceof AbstractAuthToken)) {
    throw new AuthentifyConfigurationError('tokenEntity', 'must be a class that extends AbstractAuthToken');
  }
  return tokenEntity;
}

function flag(extras: GivenExtras, name: 'isGlobal' | 'guardAllRoutes' | 'autoRefresh'): boolean {
  const value = extras[name] ?? DEFAULT_EXTRAS[name];
  if (typeof value !== 'boolean') throw new AuthentifyConfigurationError(name, 'must be true or false');
  return value;
}
