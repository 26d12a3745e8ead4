import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AUTHENTIFY_OPTIONS } from '../../authentify.constants.js';
import type { ResolvedOptions } from '../../options/resolved-options.js';
import type { AuthType } from '../../tokens/auth-type.js';
import { Challenge } from '../challenge.js';
import { IS_OPTIONAL } from '../decorators/optional-auth.decorator.js';
import { IS_PUBLIC } from '../decorators/public.decorator.js';
import { unauthorized } from '../denials.js';
import { credentialInHeader } from '../extractors/authorization-header.js';
import { failureIn, requestOf } from '../request-context.js';
import type { TransportRequest } from '../transport-request.js';
import { CookieTokenStrategy } from '../strategies/cookie-token.strategy.js';
import { HeaderTokenStrategy } from '../strategies/header-token.strategy.js';
import { runStrategy } from './run-strategy.js';

/**
 * Lets a request pass that presents a live session, in the `Authorization` header or else in a cookie, and sets
 * `request.user` and `request.auth`. Something bad is refused everywhere, nothing at all except under `@OptionalAuth()`.
 *
 * Extend it as you would extend Nest's `AuthGuard`: `getRequest` says what is authenticated, `handleRequest` what
 * becomes of the outcome.
 *
 * @throws UnauthorizedException (401, with challenge) without a good credential, ForbiddenException (403) for a
 * foreign site's use of a cookie, AuthentifyUnavailableError (503) when the database cannot answer.
 */
@Injectable()
export class AuthentifyGuard implements CanActivate {
  @Inject() protected readonly reflector: Reflector;
  @Inject(AUTHENTIFY_OPTIONS) protected readonly options: ResolvedOptions;
  @Inject() protected readonly headerStrategy: HeaderTokenStrategy;
  @Inject() protected readonly cookieStrategy: CookieTokenStrategy;
  @Inject() private readonly challenge: Challenge;

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.isMarked(IS_PUBLIC, context)) return true;
    const request = this.getRequest(context);
    this.challenge.expect(requestOf(context), this.challengedTransport);
    let presented = true;
    try {
      const strategy = this.transportOf(request) === 'cookie' ? this.cookieStrategy : this.headerStrategy;
      const { error, user, info } = await runStrategy(strategy, request);
      presented = error !== null || user !== null;
      request.user = this.handleRequest(error, user, info, context) ?? undefined;
      return true;
    } catch (error) {
      this.challenge.accompany(error, context, presented);
      throw await failureIn(context, error);
    }
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
    if (user === null && !this.isMarked(IS_OPTIONAL, context)) throw unauthorized();
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

  private isMarked(key: string, context: ExecutionContext): boolean {
    return (
      this.reflector.getAllAndOverride<boolean | undefined>(key, [context.getHandler(), context.getClass()]) ?? false
    );
  }
}
