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
import { OwnApplication } from './authentication/own-application.js';
import { ResponseHeaders } from './authentication/response-headers.js';
import { AUTHENTIFY_OPTIONS } from './constants.js';
import { ConfigurableAuthentifyModule, EXTRA_NAMES, nameOf } from './module-definition.js';
import { OFFERED, PUBLIC_PROVIDERS } from './registered-classes.js';
import { offer } from './registrations.js';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import type {
  AuthentifyAsyncOptions,
  AuthentifyOptions,
  WithTokenEntity,
  WithUserEntity,
} from './options/authentify-options.js';
import type { ResolvedOptions } from './options/resolved-options.js';
import { sortBody } from './session-routes/request-body.js';
import { SESSION_CONTROLLERS } from './session-routes/session-controller.js';
import { SessionCredentials } from './session-routes/presented-session.js';
import type { SessionRoutes } from './session-routes/session-routes.js';
import type { AbstractAuthToken, AnyAuthToken } from './sessions/entities/abstract-auth-token.js';
import { describeToClassTransformer } from './sessions/class-transformer.js';
import { pruneJobProvider } from './sessions/prune-schedule.js';
import { SchemaCheck } from './store/schema-check.js';
import { Login } from './sessions/login.js';
import { Pruning } from './sessions/pruning.js';
import { Refresh } from './sessions/refresh.js';
import { SessionChecks } from './sessions/session-checks.js';
import { SessionStore } from './sessions/session-store.js';
import { TokenSecrets } from './sessions/token-secrets.js';
import { SessionTable } from './store/session-table.js';
import { SessionWrites } from './store/session-writes.js';
import { SessionLookup } from './store/lookup/session-lookup.js';
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

/** Database-backed opaque tokens: sessions in a TypeORM table, guards for headers and cookies. */
@Module({
  providers: [
    // Taken only where the class itself was imported: forRoot and forRootAsync bring their own.
    { provide: AUTHENTIFY_OPTIONS, useFactory: notRegistered },
    ...PUBLIC_PROVIDERS,
    { provide: SessionStore, useClass: SessionWrites },
    Login,
    OwnApplication,
    Pruning,
    pruneJobProvider,
    Refresh,
    ResponseHeaders,
    SchemaCheck,
    SessionChecks,
    SessionCredentials,
    SessionTable,
    SessionLookup,
    TokenSecrets,
    UserActivity,
  ],
})
export class AuthentifyModule extends ConfigurableAuthentifyModule implements NestModule, OnModuleInit {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: SessionStore,
    @Inject(SESSION_CONTROLLERS) private readonly sessionControllers: Type<SessionRoutes>[],
    private readonly activity: UserActivity,
  ) {
    super();
  }

  /**
   * Registers the module with options known at start.
   *
   * @example `AuthentifyModule.forRoot({ userEntity: User, tokenTtl: '1h', refreshTokenTtl: '7d' })`
   * @throws AuthentifyConfigurationError here for wrong extras, while booting for wrong options.
   */
  static override forRoot<TUser extends object>(
    options: WithUserEntity<TUser> & AuthentifyOptions<TUser, AbstractAuthToken<TUser>>,
  ): DynamicModule;
  static override forRoot<TToken extends AnyAuthToken>(
    options: WithTokenEntity<TToken> & AuthentifyOptions<TToken['user'], TToken>,
  ): DynamicModule;
  static override forRoot(options: object): DynamicModule {
    return offer(super.forRoot(options), nameOf(options), OFFERED);
  }

  /**
   * Registers the module with options made while the app starts, by a function or an `AuthentifyOptionsFactory`.
   * The extras (`userEntity`, `guardAllRoutes`, …) stand beside it.
   *
   * @example `AuthentifyModule.forRootAsync({ userEntity: User, inject: [ConfigService], useFactory: (config) => … })`
   * @throws AuthentifyConfigurationError here for wrong extras, while booting for wrong options.
   */
  static override forRootAsync<TUser extends object>(
    options: WithUserEntity<TUser> & AuthentifyAsyncOptions<TUser, AbstractAuthToken<TUser>>,
  ): DynamicModule;
  static override forRootAsync<TToken extends AnyAuthToken>(
    options: WithTokenEntity<TToken> & AuthentifyAsyncOptions<TToken['user'], TToken>,
  ): DynamicModule;
  static override forRootAsync(options: object): DynamicModule {
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
    return offer(super.forRootAsync(options), nameOf(options), OFFERED);
  }

  /** @internal */
  configure(consumer: MiddlewareConsumer): void {
    // Where the options are made for each request, so is the module, and Nest asks one that was not made.
    const controllers = this.sessionControllers ?? [];
    if (controllers.length > 0) consumer.apply(sortBody).forRoutes(...controllers);
  }

  /** Checks at boot what only the data source can tell. */
  async onModuleInit(): Promise<void> {
    await this.store.prepare();
    this.activity.check();
    await describeToClassTransformer();
    const { tokenTtl, sessionMaxTtl } = this.options;
    if (tokenTtl === null && sessionMaxTtl === null) {
      new Logger('AuthentifyModule').warn(
        'tokenTtl is null: sessions never end by themselves (consider sessionMaxTtl)',
      );
    }
  }
}
