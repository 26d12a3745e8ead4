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
import type { Credential, TransportRequest } from '../request.js';
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
 * Lets a request pass that presents a live session, in the `Authorization` header or else in a cookie, and sets
 * `request.user` and `request.auth`. Something bad is refused everywhere, nothing at all except under `@OptionalAuth()`.
 * What the route asks of the session, by `@RequireContext` and its like, is decided at once, before anything of the app
 * that stands later has run (R69).
 *
 * Extend it as you would extend Nest's `AuthGuard`: `getRequest` says what is authenticated, `credentialIn` where the
 * credential is read, `handleRequest` what becomes of the outcome, `refuse` how a refusal looks.
 *
 * @throws UnauthorizedException (401, with challenge) without a good credential, ForbiddenException (403) for a
 * foreign site's use of a cookie, AuthentifyUnavailableError (503) when the database cannot answer.
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
   * The credential that decides about a request; `null` where nothing was presented. Override it to read another place,
   * such as the header `X-Api-Key`. Default: what the `Authorization` header has under one of `authHeaderPrefixes`, else
   * the first of `authCookieNames`. Never the query string (R11).
   *
   * @throws BadRequestException (400) for more than one `Authorization` line.
   */
  protected credentialIn(request: TransportRequest): Credential | null {
    return (
      credentialInHeader(request, this.options.authHeaderPrefixes) ??
      credentialInCookies(request, this.options.authCookieNames)
    );
  }

  /**
   * Who a request acts as, given what it came to: a failure, the user, or neither where nothing was presented. What it
   * throws is the answer.
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
   * The error that answers a request which is refused: without a good credential (401), from another site, or without
   * what the route requires of its session (401, 403), and also when authentication failed (503, 500). Every refusal of
   * a request this guard looked at comes through here, that of `AutoRefreshInterceptor` too. Override it for another body
   * or other headers; call `super.refuse` to keep the challenge. Default: `WWW-Authenticate` is set for a 401, and the
   * error takes the form of its transport.
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
 * Lets a request pass that presents a live session in the `Authorization` header; cookies are not looked at.
 *
 * @example `@UseGuards(HeaderAuthGuard)`
 */
@Injectable()
export class HeaderAuthGuard extends AuthentifyGuard {
  protected override credentialIn(request: TransportRequest): Credential | null {
    return credentialInHeader(request, this.options.authHeaderPrefixes);
  }
}

/**
 * Lets a request pass that presents a live session in a cookie; the `Authorization` header is not looked at.
 *
 * @example `@UseGuards(CookieAuthGuard)`
 */
@Injectable()
export class CookieAuthGuard extends AuthentifyGuard {
  protected override credentialIn(request: TransportRequest): Credential | null {
    return credentialInCookies(request, this.options.authCookieNames);
  }

  protected override get challengedTransport(): AuthType {
    return 'cookie';
  }
}
