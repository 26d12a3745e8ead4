import { ConfigurableModuleBuilder, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { APP_INTERCEPTOR, ModulesContainer } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { AllRoutesGuard, OverridableGuard } from './authentication/guards/all-routes.guard.js';
import { AutoRefreshInterceptor } from './authentication/auto-refresh.interceptor.js';
import { AUTH_DATA_SOURCE, AUTH_TOKEN_ENTITY, AUTHENTIFY_OPTIONS } from './constants.js';
import { assertApart, tellWhomGetGives, UNNAMED } from './registrations.js';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import type { AuthentifyExtras, AuthentifyOptions } from './options/authentify-options.js';
import { resolveOptions } from './options/resolve-options.js';
import { SESSION_CONTROLLERS, sessionControllers } from './session-routes/session-controller.js';
import { AbstractAuthToken } from './sessions/entities/abstract-auth-token.js';
import { authTokenEntity } from './sessions/entities/auth-token-entity.js';
import { ownerOf } from './sessions/entities/token-owner.decorator.js';

/** The extras as one object, before it is known which entity was given. */
export interface Extras extends AuthentifyExtras {
  userEntity?: Type<unknown>;
  tokenEntity?: Type<AbstractAuthToken>;
}

/** Nest strips from the options only what is named here. */
const DEFAULTS = {
  userEntity: undefined,
  tokenEntity: undefined,
  dataSource: undefined,
  isGlobal: true,
  guardAllRoutes: false,
  autoRefresh: false,
  name: undefined,
  sessionRoutes: undefined,
} as Extras;

/** A provider that only checks; nobody injects it. */
const REGISTRATIONS_CHECK = Symbol('REGISTRATIONS_CHECK');

const NAME = /^[a-z][a-z0-9_]{0,31}$/;

export const EXTRA_NAMES: readonly string[] = Object.keys(DEFAULTS);

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<AuthentifyOptions>()
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createAuthentifyOptions')
  .setExtras<Extras>(DEFAULTS, defineModule)
  .build();

/** The builder's class, its static methods typed so that `AuthentifyModule` can declare them more precisely. */
export const ConfigurableAuthentifyModule = ConfigurableModuleClass as {
  new (): object;
  forRoot(options: object): DynamicModule;
  forRootAsync(options: object): DynamicModule;
};

/** Adds to what the builder made what must be known while the module graph is built. */
function defineModule(definition: DynamicModule, extras: Extras): DynamicModule {
  const tokenEntity = tokenEntityOf(extras);
  const dataSource = dataSourceOf(extras);
  const controllers = sessionControllers(extras.sessionRoutes, nameOf(extras));
  return {
    ...definition,
    global: flag(extras, 'isGlobal', true),
    imports: [...(definition.imports ?? []), TypeOrmModule.forFeature(entitiesOf(tokenEntity), dataSource)],
    providers: [
      ...(definition.providers ?? []),
      { provide: AUTH_TOKEN_ENTITY, useValue: tokenEntity },
      { provide: AUTH_DATA_SOURCE, useExisting: getDataSourceToken(dataSource) },
      {
        provide: AUTHENTIFY_OPTIONS,
        useFactory: (options: unknown) => resolveOptions(withoutExtras(options), extras),
        inject: [MODULE_OPTIONS_TOKEN],
      },
      {
        provide: REGISTRATIONS_CHECK,
        useFactory: (modules: ModulesContainer) => {
          assertApart(modules, AllRoutesGuard);
          if (extras.name === undefined) tellWhomGetGives(modules);
        },
        inject: [ModulesContainer],
      },
      { provide: SESSION_CONTROLLERS, useValue: controllers },
      ...forAllRoutes(extras),
    ],
    controllers,
  };
}

/** What a data source with `autoLoadEntities` learns of: the tokens, and their user, whose module may forget him. */
function entitiesOf(tokenEntity: Type<AbstractAuthToken>): Type<unknown>[] {
  const owner = ownerOf(tokenEntity);
  return typeof owner === 'function' ? [tokenEntity, owner] : [tokenEntity];
}

function dataSourceOf({ dataSource }: Extras): string | undefined {
  if (dataSource === undefined || (typeof dataSource === 'string' && dataSource !== '')) return dataSource;
  throw new AuthentifyConfigurationError('dataSource', 'must be the name of a TypeORM data source');
}

/** Nest takes the extras out of the options of `forRoot`; a factory runs after they were needed. */
function withoutExtras(options: unknown): unknown {
  const extra = Object.keys(options ?? {}).find((name) => EXTRA_NAMES.includes(name));
  if (extra === undefined) return options;
  throw new AuthentifyConfigurationError(
    extra,
    'comes too late from the factory: write it beside useFactory, useClass or useExisting, in forRootAsync itself',
  );
}

/** The name of a registration beside another one; `undefined` for the only one, or the first. */
export function nameOf({ name }: Extras): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== UNNAMED && NAME.test(name))) return name;
  throw new AuthentifyConfigurationError('name', `must be a lower-case word such as staff, and not "${UNNAMED}"`);
}

function tokenEntityOf({ userEntity, tokenEntity, name }: Extras): Type<AbstractAuthToken> {
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

function forAllRoutes(extras: Extras): Provider[] {
  const providers: Provider[] = [];
  if (flag(extras, 'guardAllRoutes', false)) providers.push(AllRoutesGuard, OverridableGuard);
  if (flag(extras, 'autoRefresh', false)) {
    providers.push(AutoRefreshInterceptor, { provide: APP_INTERCEPTOR, useExisting: AutoRefreshInterceptor });
  }
  return providers;
}

function flag(extras: Extras, name: 'isGlobal' | 'guardAllRoutes' | 'autoRefresh', fallback: boolean): boolean {
  const value = extras[name] ?? fallback;
  if (typeof value !== 'boolean') throw new AuthentifyConfigurationError(name, 'must be true or false');
  return value;
}
