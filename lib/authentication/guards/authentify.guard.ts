import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AUTHENTIFY_OPTIONS } from '../../constants.js';
import type { ResolvedOptions } from '../../options/resolved-options.js';
import type { AuthType } from '../../sessions/auth-type.js';
import { RequestAuthenticator } from '../authenticator.js';
import { Challenge, type RefusalDetails, type Refuse, refusers } from '../challenge.js';
import { credentialInHeader } from '../credentials/authorization-header.js';
import { credentialInCookies } from '../credentials/cookies.js';
import { unauthorized } from '../refusals.js';
import type { PresentedCredential, TransportRequest } from '../request.js';
import { requestOf, transportError } from '../transports.js';
import { assertRequirements } from './requirement.guard.js';
import { Authenticates, routeOf } from './route.js';

/** What a request came to, in Passport's terms: a user with the token as info, a failure, or neither. */
interface Outcome {
  presented: boolean;
  error: unknown;
  user: unknown;
  info: unknown;
}

const NOTHING_PRESENTED: Outcome = { presented: false, error: null, user: null, info: undefined };

/**
 * Accepts requests with a valid access token, in the `Authorization` header or else in a cookie, and sets `request.user` and
 * `request.auth`. An invalid credential is always refused; a missing one only without `@OptionalAuth()`. `@RequireContext`
 * and `@RequireFresh` are checked immediately afterwards, before any later code of the app runs (R69).
 *
 * Extend it like Nest's `AuthGuard`: `getRequest` returns the request to authenticate, `credentialIn` its credential,
 * `handleRequest` the user, and `refuse` the error that answers a refused request.
 *
 * @throws UnauthorizedException (401, with challenge) without a valid credential, ForbiddenException (403) for a cookie that
 * another site sent, AuthentifyUnavailableError (503) if the database does not answer.
 */
@Authenticates()
@Injectable()
export class AuthentifyGuard implements CanActivate {
  @Inject() protected readonly reflector: Reflector;
  @Inject(AUTHENTIFY_OPTIONS) protected readonly options: ResolvedOptions;
  @Inject() private readonly authenticator: RequestAuthenticator;
  @Inject() private readonly challenge: Challenge;
  /** For those who refuse the request after this guard. */
  private readonly refuser: Refuse = (error, context, details) => this.refuse(error, context, details);

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { access, requirements } = routeOf(context);
    if (access === 'public') return true;
    const request = this.getRequest(context);
    refusers.set(requestOf(context), this.refuser);
    const { presented, error, user, info } = await this.authenticate(request);
    try {
      request.user = this.handleRequest(error, user, info, context) ?? undefined;
    } catch (refused) {
      throw await this.refuse(refused, context, { invalidToken: presented });
    }
    if (requirements.length > 0) await assertRequirements(context);
    return true;
  }

  /** The request to authenticate. */
  protected getRequest(context: ExecutionContext): TransportRequest {
    return requestOf(context);
  }

  /**
   * Returns the credential of a request, or `null` if there is none. Override it to read another place, such as the header
   * `X-Api-Key`. Default: the `Authorization` header with one of `authHeaderPrefixes`, else the first of `authCookieNames`
   * that the request has. Never the query string (R11).
   *
   * @throws BadRequestException (400) for more than one `Authorization` header.
   */
  protected credentialIn(request: TransportRequest): PresentedCredential | null {
    return (
      credentialInHeader(request, this.options.authHeaderPrefixes) ??
      credentialInCookies(request, this.options.authCookieNames)
    );
  }

  /**
   * Returns the user of a request after authentication: given an error, the user, or neither if there was no credential.
   * An error that it throws is the answer.
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

  /**
   * Returns the error that answers a refused request: without a valid credential (401), from another site (403), with a
   * session that does not meet the requirements of the route (401, 403), or after a failure (503, 500). All refusals after
   * this guard has run use it, including those of `AutoRefreshInterceptor`. Override it for another body or other headers;
   * call `super.refuse` to keep the challenge. Default: sets `WWW-Authenticate` for a 401, and adapts the error to its
   * transport.
   */
  protected refuse(error: unknown, context: ExecutionContext, details: RefusalDetails): unknown {
    this.challenge.add(error, context, { ...details, authType: this.challengedTransport });
    return transportError(context, error);
  }

  /** Which transport a client that was turned away is told of. */
  protected get challengedTransport(): AuthType {
    return 'header';
  }

  private async authenticate(request: TransportRequest): Promise<Outcome> {
    try {
      const credential = this.credentialIn(request);
      if (!credential) return NOTHING_PRESENTED;
      const { user, token } = await this.authenticator.authenticate(request, credential);
      return { presented: true, error: null, user, info: token };
    } catch (error) {
      // A hook may throw nothing, which must not pass for nothing presented.
      return { presented: true, error: error || new Error('A hook threw nothing'), user: null, info: undefined };
    }
  }
}

/**
 * Accepts requests with a valid access token in the `Authorization` header; ignores cookies.
 *
 * @example `@UseGuards(HeaderAuthGuard)`
 */
@Injectable()
export class HeaderAuthGuard extends AuthentifyGuard {
  protected override credentialIn(request: TransportRequest): PresentedCredential | null {
    return credentialInHeader(request, this.options.authHeaderPrefixes);
  }
}

/**
 * Accepts requests with a valid access token in a cookie; ignores the `Authorization` header.
 *
 * @example `@UseGuards(CookieAuthGuard)`
 */
@Injectable()
export class CookieAuthGuard extends AuthentifyGuard {
  protected override credentialIn(request: TransportRequest): PresentedCredential | null {
    return credentialInCookies(request, this.options.authCookieNames);
  }

  protected override get challengedTransport(): AuthType {
    return 'cookie';
  }
}
