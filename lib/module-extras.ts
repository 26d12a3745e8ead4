import type { Type } from '@nestjs/common';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import type { SessionRoutesOptions } from './session-routes/session-controller.js';
import { AbstractAuthToken } from './sessions/entities/abstract-auth-token.js';
import { authTokenEntity } from './sessions/entities/auth-token-entity.js';

/** What must be known while the module graph is built, so it stands beside the factory of `forRootAsync`. */
export interface AuthentifyExtras {
  /** Name of the TypeORM data source. Default: the default one. */
  dataSource?: string;
  /** Makes guards and services available everywhere. Default `true`. */
  isGlobal?: boolean;
  /** Guards every route, before the app's own global guards; open some with `@Public()`. Default `false`. */
  guardAllRoutes?: boolean;
  /** Extends sessions while they are used, on every route. Default `false`; nothing is registered when off. */
  autoRefresh?: boolean;
  /**
   * Sets this registration apart from another one of the same app: other users, in other tables, with other cookies.
   * What it provides is then injected with `@InjectFor(name)`, and guards are made with `GuardFor(name)`. A lower-case
   * word; it begins the names of the default table and cookies. Default none.
   */
  name?: string;
  /** Mounts routes to refresh, log out, list and end sessions. Default none; login stays the app's. */
  sessionRoutes?: SessionRoutesOptions;
}

/** The app's user entity; the library makes the token entity for it (table `auth_tokens`). */
export interface WithUserEntity<TUser> extends AuthentifyExtras {
  userEntity: Type<TUser>;
  tokenEntity?: undefined;
}

/** The app's own token entity, extending `AbstractAuthToken`. */
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
