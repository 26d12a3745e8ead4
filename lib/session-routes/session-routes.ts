import {
  type CanActivate,
  Delete,
  type ExecutionContext,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Post,
  UseGuards,
} from '@nestjs/common';
import { Public } from '../authentication/decorators.js';
import { AuthentifyGuard } from '../authentication/guards/authentify.guard.js';
import { responseOf, ResponseHeaders } from '../authentication/transports.js';
import { TokenCookies } from '../authentication/token-cookies.js';
import type { TransportRequest } from '../authentication/request.js';
import type { AuthType } from '../sessions/auth-type.js';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { IssuedTokens } from '../sessions/issued-tokens.js';
import { TokenService } from '../sessions/token.service.js';
import { type SessionRequest, SessionRequests } from './session-requests.js';
import { type RefreshAnswer, type SessionView, sessionView } from './session-views.js';

/** Keeps caches away from every answer of the routes, also from refusals: so it is a guard, the first one (R59). */
@Injectable()
class NoStoreGuard implements CanActivate {
  constructor(private readonly headers: ResponseHeaders) {}

  canActivate(context: ExecutionContext): boolean {
    this.headers.set(responseOf(context), 'Cache-Control', 'no-store');
    return true;
  }
}

/**
 * What every app does with its sessions, as routes: refresh, log out, list, end. A header session's tokens travel in
 * bodies, a cookie session's in cookies only (R58). Logging in stays the app's.
 *
 * Extend it, and name your class in `sessionRoutes`. Override a handler to put a guard on its route or to do more; its
 * path and its own guards stay. Override `refreshAnswer` or `sessionView` to answer something else. Add a
 * handler with `@Get()` or the like to add a route.
 *
 * Every handler takes request and response, and what it returns is sent in the guard phase, as JSON, after all guards:
 * no interceptor, pipe or serialiser of the app runs (R70). Nothing returned is a 204.
 *
 * @example
 * ```ts
 * class MySessions extends SessionRoutes {
 *   @UseGuards(ThrottlerGuard)
 *   override refresh(request: TransportRequest, response: unknown) {
 *     return super.refresh(request, response);
 *   }
 * }
 * AuthentifyModule.forRoot({ userEntity: User, sessionRoutes: { path: 'auth', controller: MySessions } });
 * ```
 */
@UseGuards(NoStoreGuard)
export abstract class SessionRoutes {
  /** The `TokenService` of the registration. */
  @Inject() protected readonly tokens: TokenService;
  /** The `TokenCookies` of the registration. */
  @Inject() protected readonly cookies: TokenCookies;
  @Inject() private readonly requests: SessionRequests;

  /** Answers the next pair for a refresh token from the JSON body, the header or else its cookie. A failure keeps the cookies (R40). */
  @Post('refresh')
  @Public()
  @HttpCode(200)
  async refresh(request: TransportRequest, response: unknown): Promise<RefreshAnswer> {
    const credential = this.requests.refreshTokenOf(request);
    const issued =
      credential && (await this.tokens.refreshToken(credential.rawToken, { authType: credential.authType }));
    if (!credential || !issued) throw this.requests.refusalOf(response, credential);
    if (credential.authType === 'cookie') this.cookies.set(response, issued);
    return this.refreshAnswer(issued, credential.authType);
  }

  /**
   * Ends the sessions of all tokens in the request, access or refresh tokens, even expired ones. A session that has already
   * ended, or an unknown token, is not an error (RFC 7009 §2.2). If the body could not be read and there is no other token,
   * the answer is an error (R74).
   */
  @Post('logout')
  @Public()
  @HttpCode(204)
  async logout(request: TransportRequest, response: unknown): Promise<void> {
    const { sessions, isCookie, problem } = await this.requests.sessionsOf(request);
    for (const session of sessions) await this.tokens.revokeToken(session);
    if (problem && sessions.length === 0 && !isCookie) throw problem;
    if (isCookie) this.cookies.clear(response);
  }

  /** Ends all sessions of the user, including this one. */
  @Post('logout-all')
  @UseGuards(AuthentifyGuard)
  @HttpCode(204)
  async logoutAll(request: SessionRequest, response: unknown): Promise<void> {
    await this.tokens.revokeAllUserTokens(request.auth.userId);
    if (this.requests.transportOf(request) === 'cookie') this.cookies.clear(response);
  }

  /** Ends all sessions of the user except this one. */
  @Post('logout-others')
  @UseGuards(AuthentifyGuard)
  @HttpCode(204)
  async logoutOthers({ auth }: SessionRequest, _response: unknown): Promise<void> {
    await this.tokens.revokeAllUserTokens(auth.userId, { except: auth });
  }

  /** Lists the sessions of the user, newest first: at most `?limit` (100), older than `?before`. */
  @Get('sessions')
  @UseGuards(AuthentifyGuard)
  async list(request: SessionRequest, _response: unknown): Promise<SessionView[]> {
    const sessions = await this.requests.pageOf(request);
    return sessions.map((session) => this.sessionView(session, session.id === request.auth.id));
  }

  /** Ends one session of the user; the answer is the same for an unknown, malformed or ended id, or one of another user (R50). */
  @Delete('sessions/:id')
  @UseGuards(AuthentifyGuard)
  @HttpCode(204)
  async end({ auth, params }: SessionRequest, _response: unknown): Promise<void> {
    await this.tokens.revokeUserToken(auth.userId, params?.id ?? '');
  }

  /** Creates the answer of `refresh`. The tokens of a cookie session are only in its cookies (R58). */
  protected refreshAnswer(issued: IssuedTokens, authType: AuthType): RefreshAnswer | Promise<RefreshAnswer> {
    const { expiresAt, refreshUntil } = issued.toJSON();
    return authType === 'header' ? issued.toJSON() : { expiresAt, refreshUntil };
  }

  /** Creates the element of the list for one session. */
  protected sessionView(session: AbstractAuthToken, current: boolean): SessionView {
    return sessionView(session, current);
  }
}
