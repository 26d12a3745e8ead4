import { Delete, Get, HttpCode, Post, UseFilters, UseGuards } from '@nestjs/common';
import { Challenge } from '../authentication/challenge.js';
import type { Credential } from '../authentication/credentials/credential.js';
import { Public } from '../authentication/decorators/public.decorator.js';
import { unauthorized } from '../authentication/denials.js';
import { AnsweredFilter, AnswerGuard } from '../authentication/guards/answer.guard.js';
import { AuthentifyGuard } from '../authentication/guards/authentify.guard.js';
import { RequestAuthenticator } from '../authentication/authenticator.js';
import type { AuthenticatedRequest, TransportRequest } from '../authentication/transport-request.js';
import { TokenCookies } from '../authentication/token-cookies.js';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { SessionStore } from '../sessions/session-store.js';
import { TokenService } from '../sessions/token.service.js';
import { Verification } from '../sessions/verification.js';
import { NoStoreGuard } from './no-store.guard.js';
import { requestedPage } from './requested-page.js';
import { SessionCredentials } from './presented-session.js';
import { type RefreshAnswer, type SessionView, sessionView } from './session-views.js';

/** A request that `AuthentifyGuard` let pass. */
type SessionRequest = TransportRequest & Pick<AuthenticatedRequest, 'auth'>;

/**
 * What every app does with its sessions, as routes: refresh, log out, list, end. A header session's tokens travel in
 * bodies, a cookie session's in cookies only (R58). Logging in stays the app's.
 *
 * `AnswerGuard` calls the handlers and sends what they return, so that nothing of the app stands in between (R70): they
 * take request and response, without decorators.
 */
@UseGuards(NoStoreGuard)
@UseFilters(AnsweredFilter)
export abstract class SessionRoutes {
  constructor(
    private readonly tokens: TokenService,
    private readonly store: SessionStore,
    private readonly verification: Verification,
    private readonly credentials: SessionCredentials,
    private readonly cookies: TokenCookies,
    private readonly authenticator: RequestAuthenticator,
    private readonly challenge: Challenge,
  ) {}

  /** The next pair for a refresh token, in the JSON body, the header or else its cookie. A failure leaves the cookies (R40). */
  @Post('refresh')
  @Public()
  @UseGuards(AnswerGuard)
  @HttpCode(200)
  async refresh(request: TransportRequest, response: unknown): Promise<RefreshAnswer> {
    const credential = this.credentials.refreshOf(request);
    const issued =
      credential && (await this.tokens.refreshToken(credential.rawToken, { authType: credential.authType }));
    if (!credential || !issued) throw this.refused(request, response, credential);
    if (credential.authType === 'header') return issued.toJSON();
    this.cookies.set(response, issued);
    const { expiresAt, refreshUntil } = issued.toJSON();
    return { expiresAt, refreshUntil };
  }

  /**
   * Ends the session that a token names, of either kind and also when its time is over; where several name several, all
   * of them. One that has ended already, or that no token can name any more, is no failure (RFC 7009 §2.2). Where the
   * body may have named one and could not be read, nothing is pretended (R74).
   */
  @Post('logout')
  @Public()
  @UseGuards(AnswerGuard)
  @HttpCode(204)
  async logout(request: TransportRequest, response: unknown): Promise<void> {
    const { credentials, problem } = this.credentials.sessionOf(request);
    const isCookie = credentials.some(({ authType }) => authType === 'cookie');
    const sessions = await this.sessionsOf(credentials);
    for (const session of sessions) await this.tokens.revokeToken(session);
    if (problem && sessions.length === 0 && !isCookie) throw problem;
    if (isCookie) this.cookies.clear(response);
  }

  /** Ends all sessions of the user, this one too. */
  @Post('logout-all')
  @UseGuards(AuthentifyGuard, AnswerGuard)
  @HttpCode(204)
  async logoutAll(request: SessionRequest, response: unknown): Promise<void> {
    await this.tokens.revokeAllUserTokens(request.auth.userId);
    const { credential } = this.authenticator.authenticationOf(request) ?? {};
    if (credential?.authType === 'cookie') this.cookies.clear(response);
  }

  /** Ends all sessions of the user but this one. */
  @Post('logout-others')
  @UseGuards(AuthentifyGuard, AnswerGuard)
  @HttpCode(204)
  async logoutOthers({ auth }: SessionRequest): Promise<void> {
    await this.tokens.revokeAllUserTokens(auth.userId, { except: auth });
  }

  /** Where the user is logged in, newest first: `?limit` of them, at most 100, older than `?before`. */
  @Get('sessions')
  @UseGuards(AuthentifyGuard, AnswerGuard)
  async list(request: SessionRequest): Promise<SessionView[]> {
    const { auth } = request;
    const sessions = await this.store.liveOf(auth.userId, Date.now(), requestedPage(request));
    return sessions.map((session) => sessionView(session, auth.id));
  }

  /** Ends one of the user's sessions; the same answer for an unknown, foreign, ended or malformed id (R50). */
  @Delete('sessions/:id')
  @UseGuards(AuthentifyGuard, AnswerGuard)
  @HttpCode(204)
  async end({ auth, params }: SessionRequest): Promise<void> {
    await this.tokens.revokeUserToken(auth.userId, params?.id ?? '');
  }

  /** Each once: an access and a refresh token are mostly of the same. */
  private async sessionsOf(credentials: readonly Credential[]): Promise<AbstractAuthToken[]> {
    const found = new Map<string, AbstractAuthToken>();
    for (const { rawToken, authType } of credentials) {
      const session = await this.verification.sessionOf(rawToken, authType);
      if (session) found.set(session.id, session);
    }
    return [...found.values()];
  }

  private refused(request: TransportRequest, response: unknown, credential: Credential | null): Error {
    if (credential) this.challenge.expect(request, credential.authType);
    this.challenge.write(request, response, credential ? { error: 'invalid_token' } : {});
    return unauthorized();
  }
}
