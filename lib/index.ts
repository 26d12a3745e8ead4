export { AuthentifyModule } from './authentify.module.js';
export type { AuthentifyExtras, WithTokenEntity, WithUserEntity } from './module-extras.js';
export { InjectFor, providerFor } from './registrations.js';
export { COOKIE_STRATEGY, HEADER_STRATEGY } from './constants.js';

export {
  CurrentToken,
  CurrentUser,
  type CurrentDecorator,
  OptionalAuth,
  Public,
  RequireContext,
  RequireFresh,
} from './authentication/decorators.js';
export { AuthentifyGuard, CookieAuthGuard, HeaderAuthGuard } from './authentication/guards/authentify.guard.js';
export { ContextGuard, FreshGuard, RequirementGuard } from './authentication/guards/requirement.guard.js';
export { CrossSiteGuard } from './authentication/csrf.js';
export { GuardFor } from './authentication/guards/guard-for.js';
export type { ContextPredicate } from './authentication/guards/requirements.js';
export { AutoRefreshInterceptor } from './authentication/auto-refresh.interceptor.js';
export type { AuthenticatedSocket } from './authentication/sockets/socket.js';
export { SocketAuthenticator } from './authentication/sockets/socket-authenticator.js';
export type { AuthenticatedRequest, PresentedCredential, TransportRequest } from './authentication/request.js';
export { CookieTokenStrategy, HeaderTokenStrategy } from './authentication/strategies.js';
export { type CookieAttributes, TokenCookies } from './authentication/token-cookies.js';
export type { RefusalDetails } from './authentication/challenge.js';

export { AuthentifyConfigurationError } from './errors/authentify-configuration.error.js';
export { AuthentifyUnavailableError } from './errors/authentify-unavailable.error.js';
export { AuthentifyUserNotFoundError } from './errors/authentify-user-not-found.error.js';

export type {
  AdminAttribution,
  AuthentifyEvent,
  DeletedEvent,
  EditedEvent,
  EventOrigin,
  IssuedEvent,
  SessionProgressEvent,
  PrunedEvent,
  RejectedEvent,
  RejectionReason,
  ReuseDetectedEvent,
  RevokedEvent,
  SessionDeadlines,
  SessionEvent,
} from './events/authentify-event.js';
export { AuthentifyEvents } from './events/authentify-events.js';

export type {
  AuthHandler,
  AuthHandlerInput,
  AuthHandlerResult,
  AuthHook,
  IncomingRequest,
} from './options/auth-handler.js';
export type {
  AuthentifyAsyncOptions,
  AuthentifyOptions,
  AuthentifyOptionsFactory,
  TokenCookieOptions,
  CsrfOptions,
  LegacyTokens,
} from './options/authentify-options.js';
export type { Duration, Milliseconds } from './options/duration.js';
export type { ResolvedOptions as ResolvedAuthentifyOptions } from './options/resolved-options.js';

export type { SessionRoutesOptions } from './session-routes/session-controller.js';
export type { SessionRequest } from './session-routes/session-requests.js';
export { SessionRoutes } from './session-routes/session-routes.js';
export { RefreshAnswer, RefreshBody, SessionView } from './session-routes/session-views.js';
export { AuthType } from './sessions/auth-type.js';
export {
  AbstractAuthToken,
  type AnyAuthToken,
  type RevokedReason,
  type UserId,
} from './sessions/entities/abstract-auth-token.js';
export { authTokenEntity } from './sessions/entities/auth-token-entity.js';
export { TokenOwner } from './sessions/entities/token-owner.decorator.js';
export type { IssuedTokens, IssuedTokensJson } from './sessions/issued-tokens.js';
export type { DeepReadonly, JsonObject, JsonValue } from './sessions/json.js';
export type { LifetimeOverrides } from './sessions/lifetimes.js';
export { SessionWatcher } from './sessions/watcher.js';
export type { IssueTokenOptions } from './sessions/login.js';
export type { RefreshTokenOptions } from './sessions/refresh.js';
export { TokenRepository } from './store/token.repository.js';
export { type ContextOf, type RevokeAllOptions, TokenService, type UserOrKey } from './sessions/token.service.js';
export type { TransactionOptions } from './options/call-options.js';
