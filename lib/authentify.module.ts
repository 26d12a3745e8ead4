import {
  type DynamicModule,
  Inject,
  Logger,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from './constants.js';
import { ConfigurableModule } from './module-definition.js';
import { EXTRA_NAMES, type WithTokenEntity, type WithUserEntity } from './module-extras.js';
import { PROVIDERS } from './providers.js';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import type { AuthentifyAsyncOptions, AuthentifyOptions } from './options/authentify-options.js';
import type { ResolvedOptions } from './options/resolved-options.js';
import { sortBody } from './session-routes/request-body.js';
import { SESSION_CONTROLLERS } from './session-routes/session-controller.js';
import type { SessionRoutes } from './session-routes/session-routes.js';
import type { AbstractAuthToken, AnyAuthToken } from './sessions/entities/abstract-auth-token.js';
import { describeToClassTransformer } from './sessions/class-transformer.js';
import { SessionStore } from './sessions/session-store.js';
import { UserActivity } from './sessions/user-activity.js';

/** Where the options of `forRootAsync` may come from. */
const SOURCES = ['useFactory', 'useClass', 'useExisting'];

/** What beside the factory of `forRootAsync` is not an option but says where options come from. */
const ASYNC_NAMES = new Set(['imports', 'inject', ...SOURCES, 'provideInjectionTokensFrom', ...EXTRA_NAMES]);

function notRegistered(): never {
  throw new AuthentifyConfigurationError(
    'AuthentifyModule',
    'has no options: import AuthentifyModule.forRoot({ userEntity: User }) or AuthentifyModule.forRootAsync(…)',
  );
}

/** Sessions in a TypeORM table with opaque tokens, and guards for headers and cookies. */
@Module({
  providers: [
    // Taken only where the class itself was imported: forRoot and forRootAsync bring their own.
    { provide: AUTHENTIFY_OPTIONS, useFactory: notRegistered },
    ...PROVIDERS,
  ],
})
export class AuthentifyModule implements NestModule, OnModuleInit {
  @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions;
  @Inject(SESSION_CONTROLLERS) private readonly sessionControllers: Type<SessionRoutes>[];
  @Inject() private readonly store: SessionStore;
  @Inject() private readonly activity: UserActivity;

  /**
   * Registers the module with static options.
   *
   * @example `AuthentifyModule.forRoot({ userEntity: User, tokenTtl: '1h', refreshTokenTtl: '7d' })`
   * @throws AuthentifyConfigurationError for wrong extras; at boot for wrong options.
   */
  static forRoot<TUser extends object>(
    options: WithUserEntity<TUser> & AuthentifyOptions<TUser, AbstractAuthToken<TUser>>,
  ): DynamicModule;
  static forRoot<TToken extends AnyAuthToken>(
    options: WithTokenEntity<TToken> & AuthentifyOptions<TToken['user'], TToken>,
  ): DynamicModule;
  static forRoot(options: object): DynamicModule {
    return { ...ConfigurableModule.forRoot(options), module: AuthentifyModule };
  }

  /**
   * Registers the module with options from a function or an `AuthentifyOptionsFactory`, called while the app starts. Write
   * the extras (`userEntity`, `guardAllRoutes`, …) next to it.
   *
   * @example `AuthentifyModule.forRootAsync({ userEntity: User, inject: [ConfigService], useFactory: (config) => … })`
   * @throws AuthentifyConfigurationError for wrong extras; at boot for wrong options.
   */
  static forRootAsync<TUser extends object>(
    options: WithUserEntity<TUser> & AuthentifyAsyncOptions<TUser, AbstractAuthToken<TUser>>,
  ): DynamicModule;
  static forRootAsync<TToken extends AnyAuthToken>(
    options: WithTokenEntity<TToken> & AuthentifyAsyncOptions<TToken['user'], TToken>,
  ): DynamicModule;
  static forRootAsync(options: object): DynamicModule {
    const stray = Object.keys(options).find((name) => !ASYNC_NAMES.has(name));
    if (stray !== undefined) {
      throw new AuthentifyConfigurationError(
        stray,
        'must be returned by the factory of forRootAsync, not stand beside it',
      );
    }
    if (!SOURCES.some((name) => name in options)) {
      throw new AuthentifyConfigurationError('forRootAsync', `needs one of ${SOURCES.join(', ')}`);
    }
    return { ...ConfigurableModule.forRootAsync(options), module: AuthentifyModule };
  }

  /** Called by Nest. */
  configure(consumer: MiddlewareConsumer): void {
    // Where the options are made for each request, so is the module, and Nest asks one that was not made.
    const controllers = this.sessionControllers ?? [];
    if (controllers.length > 0) consumer.apply(sortBody).forRoutes(...controllers);
  }

  /** Checks at boot what only the data source knows. */
  async onModuleInit(): Promise<void> {
    await this.store.prepare();
    this.activity.check();
    await describeToClassTransformer();
    const { tokenTtl, sessionMaxTtl } = this.options;
    if (tokenTtl === null && sessionMaxTtl === null) {
      new Logger('AuthentifyModule').warn('tokenTtl is null: sessions never expire (consider sessionMaxTtl)');
    }
  }
}
