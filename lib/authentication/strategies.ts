import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { PassportStrategy } from '@nestjs/passport';
import Strategy from 'passport-custom';
import { AUTHENTIFY_OPTIONS, COOKIE_STRATEGY, HEADER_STRATEGY } from '../constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { RequestAuthenticator } from './authenticator.js';
import { credentialInHeader } from './credentials/authorization-header.js';
import { credentialInCookies } from './credentials/cookies.js';
import { isInstanceOf, modulesOf } from './platform-internals.js';
import type { PresentedCredential, TransportRequest } from './request.js';

/** What Passport puts on a strategy before it runs it. */
interface PassportActions {
  success(user: unknown, info?: unknown): void;
  fail(): void;
  error(error: unknown): void;
}

/**
 * Answers Passport's own guard, `AuthGuard` of `@nestjs/passport`. Passport keeps strategies by name for the whole
 * process, so `AuthGuard('authentify-header')` runs whichever was registered last: this refuses to answer for another
 * application or registration (R67).
 */
@Injectable()
export class PassportAuthenticator {
  // Private to the language too: `inspect` would follow Nest's container down to the app's own options (R63).
  readonly #modules: ModulesContainer;

  constructor(
    private readonly authenticator: RequestAuthenticator,
    private readonly host: HttpAdapterHost,
    modules: ModulesContainer,
  ) {
    this.#modules = modules;
  }

  /** User and token, or `null` when nothing was presented. */
  async authenticate(
    request: TransportRequest,
    credential: PresentedCredential | null,
  ): Promise<[unknown, unknown] | null> {
    if (!credential) return null;
    this.assertServes(request);
    const { user, token } = await this.authenticator.authenticate(request, credential);
    return [user, token];
  }

  /**
   * Tells Passport what a strategy came to. `@nestjs/passport` would do so too, but promises nowhere that it takes the
   * list apart.
   */
  tell(strategy: object, outcome: Promise<[user: unknown, token: unknown] | null>): void {
    const actions = strategy as PassportActions;
    outcome
      .then((found) => (found ? actions.success(...found) : actions.fail()))
      .catch((error: unknown) => actions.error(error));
  }

  /**
   * @throws Error where the application has several registrations: Passport knows their strategies by one name, so it
   * would take customers for staff.
   */
  assertOnlyRegistration(): void {
    const registrations = modulesOf(this.#modules).filter(({ providers }) => providers.has(PassportAuthenticator));
    if (registrations.length === 1) return;
    throw new Error(
      'nestjs-authentify: AuthGuard of @nestjs/passport cannot tell the registrations of this application apart; use ' +
        'HeaderAuthGuard, CookieAuthGuard or AuthentifyGuard, or GuardFor with a name',
    );
  }

  /** @throws Error for a request that another application serves, so that nobody sees the other's users. */
  private assertServes({ app, server }: TransportRequest): void {
    const serving = app ?? server;
    const own: unknown = this.host.httpAdapter?.getInstance();
    if (serving === undefined || isInstanceOf(own, serving)) return;
    throw new Error(
      "nestjs-authentify: Passport ran another application's strategy; use HeaderAuthGuard, CookieAuthGuard or " +
        'AuthentifyGuard where several applications share a process',
    );
  }
}

/**
 * Passport strategy `'authentify-header'`: the `Authorization` header, under one of `authHeaderPrefixes`. It is for
 * `AuthGuard('authentify-header')` of `@nestjs/passport`; `HeaderAuthGuard` does the same without Passport.
 */
@Injectable()
export class HeaderTokenStrategy extends PassportStrategy(Strategy, HEADER_STRATEGY) {
  @Inject(AUTHENTIFY_OPTIONS) protected readonly options: ResolvedOptions;
  @Inject() private readonly passport: PassportAuthenticator;

  /** Called by Passport. @throws Error where Passport cannot tell which registration was meant. */
  override authenticate(request: never, _options?: unknown): void {
    this.passport.assertOnlyRegistration();
    this.passport.tell(this, this.validate(request));
  }

  /** User and token, or `null` when nothing was presented. @throws HttpException for a bad credential. */
  async validate(request: TransportRequest): Promise<[user: unknown, token: unknown] | null> {
    return this.passport.authenticate(request, this.credentialIn(request));
  }

  /** The credential to verify; `null` where nothing was presented. Override it to read another place. */
  protected credentialIn(request: TransportRequest): PresentedCredential | null {
    return credentialInHeader(request, this.options.authHeaderPrefixes);
  }
}

/**
 * Passport strategy `'authentify-cookie'`: the first of `authCookieNames` that is present, for
 * `AuthGuard('authentify-cookie')` of `@nestjs/passport`. Unsafe requests of other sites are refused there too.
 */
@Injectable()
export class CookieTokenStrategy extends PassportStrategy(Strategy, COOKIE_STRATEGY) {
  @Inject(AUTHENTIFY_OPTIONS) protected readonly options: ResolvedOptions;
  @Inject() private readonly passport: PassportAuthenticator;

  /** Called by Passport. @throws Error where Passport cannot tell which registration was meant. */
  override authenticate(request: never, _options?: unknown): void {
    this.passport.assertOnlyRegistration();
    this.passport.tell(this, this.validate(request));
  }

  /** User and token, or `null` when nothing was presented. @throws HttpException for a bad credential or a foreign site. */
  async validate(request: TransportRequest): Promise<[user: unknown, token: unknown] | null> {
    return this.passport.authenticate(request, this.credentialIn(request));
  }

  /** The credential to verify; `null` where nothing was presented. Override it to read another place. */
  protected credentialIn(request: TransportRequest): PresentedCredential | null {
    return credentialInCookies(request, this.options.authCookieNames);
  }
}
