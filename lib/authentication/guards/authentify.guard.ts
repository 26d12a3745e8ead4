import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AUTHENTIFY_OPTIONS } from '../../constants.js';
import type { ResolvedOptions } from '../../options/resolved-options.js';
import type { AuthType } from '../../sessions/auth-type.js';
import { Challenge } from '../challenge.js';
import { unauthorized } from '../denials.js';
import { credentialInHeader } from '../credentials/authorization-header.js';
import { failureIn, requestOf } from '../request-context.js';
import type { TransportRequest } from '../transport-request.js';
import { CookieTokenStrategy } from '../strategies/cookie-token.strategy.js';
import { HeaderTokenStrategy } from '../strategies/header-token.strategy.js';
import { Authenticates, routeOf } from './route.js';
import { runStrategy } from './run-strategy.js';
import { assertRequirements } from './session-requirements.js';

/**
 * Lets a request pass that presents a live session, in the `Authorization` header or else in a cookie, and sets
 * `request.user` and `request.auth`. Something bad is refused everywhere, nothing at all except under `@OptionalAuth()`.
 * What the route asks of the session, by `@RequireContext` and its like, is decided at once, before anything of the app
 * that stands later has run (R69).
 *
 * Extend it as you would extend Nest's `AuthGuard`: `getRequest` says what is authenticated, `handleRequest` what
 * becomes of the outcome.
 *
 * @throws UnauthorizedException (401, with challenge) without a good credential, ForbiddenException (403) for a
 * foreign site's use of a cookie, AuthentifyUnavailableError (503) when the database cannot answer.
 */
@Authenticates()
@Injectable()
export class AuthentifyGuard implements CanActivate {
  @Inject() protected readonly reflector: Reflector;
  @Inject(AUTHENTIFY_OPTIONS) protected readonly options: ResolvedOptions;
  @Inject() protected readonly headerStrategy: HeaderTokenStrategy;
  @Inject() protected readonly cookieStrategy: CookieTokenStrategy;
  @Inject() private readonly challenge: Challenge;

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { access, requirements } = routeOf(context);
    if (access === 'public') return true;
    const request = this.getRequest(context);
    this.challenge.expect(requestOf(context), this.challengedTransport);
    let presented = true;
    try {
      const strategy = this.transportOf(request) === 'cookie' ? this.cookieStrategy : this.headerStrategy;
      const { error, user, info } = await runStrategy(strategy, request);
      presented = error !== null || user !== null;
      request.user = this.handleRequest(error, user, info, context) ?? undefined;
    } catch (error) {
      this.challenge.accompany(error, context, presented);
      throw await failureIn(context, error);
    }
    if (requirements.length > 0) await assertRequirements(context);
    return true;
  }

  /** The request to authenticate. */
  protected getRequest(context: ExecutionContext): TransportRequest {
    return requestOf(context);
  }

  /**
   * Who a request acts as, given what its strategy came to: a failure, the user, or neither where nothing was
   * presented. What it throws is the answer.
   */
  protected handleRequest<TUser>(
    error: unknown,
    user: TUser | null,
    _info: unknown,
    context: ExecutionContext,
  ): TUser | null {
    if (error) throw error;
    if (user === null && routeOf(context).access === 'required') throw unauthorized();
    return user;
  }

  /** Which transport decides about this request. */
  protected transportOf(request: TransportRequest): AuthType {
    return credentialInHeader(request, this.options.authHeaderPrefixes) ? 'header' : 'cookie';
  }

  /** Which transport a client that was turned away is told of. */
  protected get challengedTransport(): AuthType {
    return 'header';
  }
}
