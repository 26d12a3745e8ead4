import { ConfigurableModuleBuilder, type DynamicModule, type Provider, type Type } from '@nestjs/common';
import { APP_INTERCEPTOR, ModulesContainer } from '@nestjs/core';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import { AllRoutesGuard, OverridableGuard } from './authentication/guards/all-routes.guard.js';
import { AutoRefreshInterceptor } from './authentication/auto-refresh.interceptor.js';
import { AUTH_DATA_SOURCE, AUTH_TOKEN_ENTITY, AUTHENTIFY_OPTIONS } from './constants.js';
import { assertApart, sharedUnder, tellWhomGetGives } from './registrations.js';
import { DEFAULT_EXTRAS, EXTRA_NAMES, type GivenExtras, resolveExtras } from './module-extras.js';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import type { AuthentifyOptions } from './options/authentify-options.js';
import { resolveOptions } from './options/resolve-options.js';
import { SESSION_CONTROLLERS, sessionControllers } from './session-routes/session-controller.js';
import type { AbstractAuthToken } from './sessions/entities/abstract-auth-token.js';
import { ownerOf } from './sessions/entities/token-owner.decorator.js';

/** What the extra `autoRefresh` registers. */
const SLIDING_EVERYWHERE: Provider[] = [
  AutoRefreshInterceptor,
  { provide: APP_INTERCEPTOR, useExisting: AutoRefreshInterceptor },
];

/** A provider that only checks; nobody injects it. */
const REGISTRATIONS_CHECK = Symbol('REGISTRATIONS_CHECK');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<AuthentifyOptions>()
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createAuthentifyOptions')
  .setExtras<GivenExtras>(DEFAULT_EXTRAS, defineModule)
  .build();

/** What the builder made: `AuthentifyModule` declares its methods more precisely. */
export const ConfigurableModule = ConfigurableModuleClass as {
  forRoot(options: object): DynamicModule;
  forRootAsync(options: object): DynamicModule;
};

/** Adds to what the builder made what must be known while the module graph is built. */
function defineModule(definition: DynamicModule, given: GivenExtras): DynamicModule {
  const extras = resolveExtras(given);
  const { tokenEntity, dataSource, name } = extras;
  const controllers = sessionControllers(extras.sessionRoutes, name);
  const shared = sharedUnder(name);
  return {
    ...definition,
    global: extras.isGlobal,
    imports: [
      ...(definition.imports ?? []),
      ...(extras.sessionRoutes?.imports ?? []),
      TypeOrmModule.forFeature(entitiesOf(tokenEntity), dataSource),
    ],
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
          if (name === undefined) tellWhomGetGives(modules);
        },
        inject: [ModulesContainer],
      },
      { provide: SESSION_CONTROLLERS, useValue: controllers },
      ...(extras.guardAllRoutes ? [AllRoutesGuard, OverridableGuard] : []),
      ...(extras.autoRefresh ? SLIDING_EVERYWHERE : []),
      ...shared.providers,
      // Last: of two providers for one class Nest keeps the later one.
      ...extras.extraProviders,
    ],
    exports: shared.exports,
    controllers,
  };
}

/** What a data source with `autoLoadEntities` learns of: the tokens, and their user, whose module may forget him. */
function entitiesOf(tokenEntity: Type<AbstractAuthToken>): Type<unknown>[] {
  const owner = ownerOf(tokenEntity);
  return typeof owner === 'function' ? [tokenEntity, owner] : [tokenEntity];
}

/** Nest takes the extras out of the options of `forRoot`; a factory runs after they were needed. */
function withoutExtras(options: unknown): unknown {
  const extra = Object.keys(options ?? {}).find((name) => EXTRA_NAMES.includes(name));
  if (extra === undefined) return options;
  throw new AuthentifyConfigurationError(
    extra,
    'is needed before the factory runs; write it beside useFactory, useClass or useExisting in forRootAsync',
  );
}
