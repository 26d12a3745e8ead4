import type { Provider, Type } from '@nestjs/common';
import { AuthHooks } from './authentication/hooks.js';
import { Challenge } from './authentication/challenge.js';
import { CrossSiteCheck, CrossSiteGuard } from './authentication/csrf.js';
import { AuthentifyGuard, CookieAuthGuard, HeaderAuthGuard } from './authentication/guards/authentify.guard.js';
import { ContextGuard, FreshGuard } from './authentication/guards/requirement.guard.js';
import { RequestAuthenticator } from './authentication/authenticator.js';
import { SocketAuthenticator } from './authentication/sockets/socket-authenticator.js';
import { CookieTokenStrategy, HeaderTokenStrategy, PassportAuthenticator } from './authentication/strategies.js';
import { TokenCookies } from './authentication/token-cookies.js';
import { AuthentifyEvents } from './events/authentify-events.js';
import { SessionDirectory } from './store/session-directory.js';
import { Administration } from './sessions/administration.js';
import { UserDirectory } from './store/user-directory.js';
import { SessionWatcher } from './sessions/watcher.js';
import { Sliding } from './sessions/sliding.js';
import { SessionChecks, Verification } from './sessions/verification.js';
import { TokenRepository } from './store/token.repository.js';
import { TokenService } from './sessions/token.service.js';
import { pruneJobProvider } from './sessions/prune-schedule.js';
import { ResponseHeaders } from './authentication/transports.js';
import { SchemaCheck } from './store/schema-check.js';
import { SessionRequests } from './session-routes/session-requests.js';
import { SessionStore } from './sessions/session-store.js';
import { Login } from './sessions/login.js';
import { TokenSecrets } from './sessions/token-secrets.js';
import { Pruning } from './sessions/pruning.js';
import { Refresh } from './sessions/refresh.js';
import { SessionTable } from './store/session-table.js';
import { SessionWrites } from './store/session-writes.js';
import { UserActivity } from './sessions/user-activity.js';

// What every registration provides. The keys are the names in injection tokens. They are written down here and never read
// from a class, because bundlers rename classes, and may give two of them one name.

/** What apps inject from a registration. */
export const FOR_APPS: Record<string, Type<unknown>> = {
  TokenService,
  TokenCookies,
  TokenRepository,
  AuthentifyEvents,
  SessionWatcher,
  SocketAuthenticator,
  AuthentifyGuard,
  HeaderAuthGuard,
  CookieAuthGuard,
  CrossSiteGuard,
  ContextGuard,
  FreshGuard,
  HeaderTokenStrategy,
  CookieTokenStrategy,
};

/** What guards and interceptors need wherever Nest makes them, and the subpaths of this package. */
export const FOR_THE_LIBRARY: Record<string, Type<unknown>> = {
  AuthHooks,
  Challenge,
  CrossSiteCheck,
  RequestAuthenticator,
  SessionDirectory,
  Administration,
  Sliding,
  UserDirectory,
  Verification,
};

/** All of them, and what nobody else injects. */
export const PROVIDERS: Provider[] = [
  ...Object.values({ ...FOR_APPS, ...FOR_THE_LIBRARY }),
  { provide: SessionStore, useClass: SessionWrites },
  Login,
  PassportAuthenticator,
  Pruning,
  pruneJobProvider,
  Refresh,
  ResponseHeaders,
  SchemaCheck,
  SessionChecks,
  SessionRequests,
  SessionTable,
  TokenSecrets,
  UserActivity,
];
