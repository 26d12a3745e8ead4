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
import { AuthHooks } from './authentication/auth-hooks.js';

import { Challenge } from './authentication/challenge.js';
import { CrossSiteCheck } from './authentication/cross-site-check.js';
import { AuthentifyGuard } from './authentication/guards/authentify.guard.js';
import { ContextGuard } from './authentication/guards/context.guard.js';
import { CookieAuthGuard } from './authentication/guards/cookie-auth.guard.js';
import { CrossSiteGuard } from './authentication/guards/cross-site.guard.js';
import { FreshGuard } from './authentication/guards/fresh.guard.js';
import { HeaderAuthGuard } from './authentication/guards/header-auth.guard.js';
import { OwnApplication } from './authentication/own-application.js';
import { RequestAuthenticator } from './authentication/request-authenticator.js';
import { ResponseHeaders } from './authentication/response-headers.js';
import { SocketAuthenticator } from './authentication/sockets/socket-authenticator.js';
import { CookieTokenStrategy } from './authentication/strategies/cookie-token.strategy.js';
import { HeaderTokenStrategy } from './authentication/strategies/header-token.strategy.js';
import { TokenCookies } from './authentication/token-cookies.js';
import { AUTHENTIFY_OPTIONS } from './authentify.constants.js';
import { ConfigurableAuthentifyModule, EXTRA_NAMES, nameOf } from './authentify.module-definition.js';
import { offer } from './authentify.registration.js';
import { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
import { AuthentifyEvents } from './events/authentify-events.js';
import type {
  AuthentifyAsyncOptions,
  AuthentifyOptions,
  WithTokenEntity,
  WithUserEntity,
} from './options/authentify-options.interface.js';
import type { ResolvedOptions } from './options/resolved-options.js';
import { sortBody } from './session-routes/request-body.js';
import { SESSION_CONTROLLERS } from './session-routes/session-controllers.js';
import { SessionCredentials } from './session-routes/session-credentials.js';
import type { SessionRoutes } from './session-routes/session-routes.js';
import type { AbstractAuthToken, AnyAuthToken } from './tokens/entities/abstract-auth-token.js';
import { TokenDirectory } from './tokens/administration/token-directory.js';
import { TokenEditor } from './tokens/administration/token-editor.js';
import { UserDirectory } from './tokens/administration/user-directory.js';
import { PresentedTokens } from './tokens/presented-tokens.js';
import { pruneJobProvider } from './tokens/prune-job.js';
import { SessionFinder } from './tokens/session-finder.js';
import { SessionWatcher } from './tokens/session-watcher.js';
import { TokenIssuer } from './tokens/token-issuer.js';
import { TokenLookup } from './tokens/token-lookup.js';
import { TokenPairFactory } from './tokens/token-pair.js';
import { TokenPruner } from './tokens/token-pruner.js';
import { TokenRefresher } from './tokens/token-refresher.js';
import { TokenSlider } from './tokens/token-slider.js';
import { TokenTable } from './tokens/token-table.js';
import { TokenVerifier } from './tokens/token-verifier.js';
import { TokenWorkers } from './tokens/token-workers.js';
import { TokenRepository } from './tokens/token.repository.js';
import { TokenService } from './tokens/token.service.js';

/** Where the options of `forRootAsync` may come from. */
const SOURCES = ['useFactory', 'useClass', 'useExisting'];

/** What beside the factory of `forRootAsync` is not an option but says where options come from. */
const ASYNC_NAMES = new Set(['imports', 'inject', ...SOURCES, 'provideInjectionTokensFrom', ...EXTRA_NAMES]);

/** What guards, strategies and interceptors need wherever Nest makes them, and apps may inject. */
const PUBLIC_PROVIDERS = [
  TokenService,
  TokenRepository,
  TokenSlider,
  AuthentifyEvents,
  AuthentifyGuard,
  AuthHooks,
  Challenge,
  ContextGuard,
  CookieAuthGuard,
  CookieTokenStrategy,
  CrossSiteCheck,
  CrossSiteGuard,
  FreshGuard,
  HeaderAuthGuard,
  HeaderTokenStrategy,
  RequestAuthenticator,
  SessionWatcher,
  SocketAuthenticator,
  TokenCookies,
  TokenDirectory,
  TokenEditor,
  UserDirectory,
];

function notRegistered(): never {
  throw new AuthentifyConfigurationError(
    'AuthentifyModule',
    'has no options: import AuthentifyModule.forRoot({ userEntity: User }) or AuthentifyModule.forRootAsync(…)',
  );
}

const OFFERED = [AUTHENTIFY_OPTIONS, ...PUBLIC_PROVIDERS];

/** Database-backed opaque tokens: sessions in a TypeORM table, guards for headers and cookies. */
@Module({
  providers: [
    // Taken only where the class itself was imported: forRoot and forRootAsync bring their own.
    { provide: AUTHENTIFY_OPTIONS, useFactory: notRegistered },
    ...PUBLIC_PROVIDERS,
    OwnApplication,
    PresentedTokens,
    pruneJobProvider,
    ResponseHeaders,
    SessionCredentials,
    SessionFinder,
    TokenIssuer,
    TokenLookup,
    TokenPairFactory,
    TokenPruner,
    TokenRefresher,
    TokenTable,
    TokenVerifier,
    TokenWorkers,
  ],
})
export class AuthentifyModule extends ConfigurableAuthentifyModule implements NestModule, OnModuleInit {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly table: TokenTable,
    private readonly lookup: TokenLookup,
    @Inject(SESSION_CONTROLLERS) private readonly sessionControllers: Type<SessionRoutes>[],
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
    if (this.sessionControllers.length > 0) consumer.apply(sortBody).forRoutes(...this.sessionControllers);
  }

  /** Checks at boot what only the data source can tell. */
  onModuleInit(): void {
    this.table.check();
    this.lookup.prepare();
    const { tokenTtl, sessionMaxTtl } = this.options;
    if (tokenTtl === null && sessionMaxTtl === null) {
      new Logger(AuthentifyModule.name).warn(
        'tokenTtl is null: sessions never end by themselves (consider sessionMaxTtl)',
      );
    }
  }
}
