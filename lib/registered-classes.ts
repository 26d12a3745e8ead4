import type { Type } from '@nestjs/common';
import { AuthHooks } from './authentication/hooks.js';
import { Challenge } from './authentication/challenge.js';
import { CrossSiteCheck } from './authentication/cross-site-check.js';
import { AuthentifyGuard } from './authentication/guards/authentify.guard.js';
import { ContextGuard } from './authentication/guards/context.guard.js';
import { CookieAuthGuard } from './authentication/guards/cookie-auth.guard.js';
import { CrossSiteGuard } from './authentication/guards/cross-site.guard.js';
import { FreshGuard } from './authentication/guards/fresh.guard.js';
import { HeaderAuthGuard } from './authentication/guards/header-auth.guard.js';
import { RequestAuthenticator } from './authentication/authenticator.js';
import { SocketAuthenticator } from './authentication/sockets/socket-authenticator.js';
import { CookieTokenStrategy } from './authentication/strategies/cookie-token.strategy.js';
import { HeaderTokenStrategy } from './authentication/strategies/header-token.strategy.js';
import { TokenCookies } from './authentication/token-cookies.js';
import { AUTHENTIFY_OPTIONS } from './constants.js';
import { AuthentifyEvents } from './events/authentify-events.js';
import { TokenDirectory } from './store/directory.js';
import { Administration } from './sessions/administration.js';
import { UserDirectory } from './store/user-directory.js';
import { SessionWatcher } from './sessions/watcher.js';
import { Sliding } from './sessions/sliding.js';
import { Verification } from './sessions/verification.js';
import { TokenRepository } from './store/token.repository.js';
import { TokenService } from './sessions/token.service.js';

/** A class of this library that apps inject, or a symbol of its own. */
export type Injectable = Type<unknown> | symbol;

// The keys are the names in injection tokens. They are written down here and never read from a class, because bundlers
// rename classes, and may give two of them one name.

/** What apps inject from a registration. */
const FOR_APPS: Record<string, Type<unknown>> = {
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
const FOR_THE_LIBRARY: Record<string, Type<unknown>> = {
  AuthHooks,
  Challenge,
  CrossSiteCheck,
  RequestAuthenticator,
  TokenDirectory,
  Administration,
  Sliding,
  UserDirectory,
  Verification,
};

/** The classes of a registration that other modules may inject. */
export const PUBLIC_PROVIDERS: Type<unknown>[] = Object.values({ ...FOR_APPS, ...FOR_THE_LIBRARY });

/** All that a registration offers. */
export const OFFERED: Injectable[] = [AUTHENTIFY_OPTIONS, ...PUBLIC_PROVIDERS];

const NAMES = new Map<unknown, string>(
  Object.entries({ AUTHENTIFY_OPTIONS, ...FOR_APPS, ...FOR_THE_LIBRARY }).map(([name, offered]) => [offered, name]),
);

/** The name of something that registrations offer. @throws TypeError for anything else, a subclass too. */
export function offeredName(provider: Injectable): string {
  const name = NAMES.get(provider);
  if (name !== undefined) return name;
  const given = typeof provider === 'function' ? provider.name : String(provider);
  throw new TypeError(
    `No registration of AuthentifyModule offers ${given}. Ask for one of ${Object.keys(FOR_APPS).join(', ')}`,
  );
}
