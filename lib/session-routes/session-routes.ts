import { Delete, Get, HttpCode, Post, UnsupportedMediaTypeException, UseFilters, UseGuards } from '@nestjs/common';
import { Challenge } from '../authentication/challenge.js';
import type { Credential } from '../authentication/credential.js';
import { Public } from '../authentication/decorators/public.decorator.js';
import { unauthorized } from '../authentication/denials.js';
import { isJson } from '../authentication/extractors/refresh-credential.js';
import { AnsweredFilter, AnswerGuard } from '../authentication/guards/answer.guard.js';
import { AuthentifyGuard } from '../authentication/guards/authentify.guard.js';
import { RequestAuthenticator } from '../authentication/request-authenticator.js';
import type { AuthenticatedRequest, TransportRequest } from '../authentication/transport-request.js';
import { TokenCookies } from '../authentication/token-cookies.js';
import type { AbstractAuthToken } from '../tokens/entities/abstract-auth-token.js';
import type { IssuedTokens } from '../tokens/issued-tokens.js';
import { TokenService } from '../tokens/token.service.js';
import { NoStoreGuard } from './no-store.guard.js';
import { SessionCredentials } from './session-credentials.js';
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
    private readonly credentials: SessionCredentials,
    private readonly cookies: TokenCookies,
    private readonly authenticator: RequestAuthenticator,
    private readonly challenge: Challenge,
  ) {}

  /** The next pair for a refresh token, in the JSON body or else in its cookie. A failure leaves the cookies (R40). */
  @Post('refresh')
  @Public()
  @UseGuards(AnswerGuard)
  @HttpCode(200)
  async refresh(request: TransportRequest, response: unknown): Promise<RefreshAnswer> {
    if (request.headers['content-type'] !== undefined && !isJson(request)) {
      throw new UnsupportedMediaTypeException('Send the refresh token as application/json, or in its cookie');
    }
    const credential = this.credentials.refreshOf(request);
    const issued = await this.next(credential);
    if (!credential || !issued) throw this.refused(request, response, credential);
    if (credential.authType === 'header') return issued.toJSON();
    this.cookies.set(response, issued);
    const { expiresAt, refreshUntil } = issued.toJSON();
    return { expiresAt, refreshUntil };
  }

  /** Ends the session that either of its tokens presents. One that has ended already is no failure (RFC 7009 §2.2). */
  @Post('logout')
  @Public()
  @UseGuards(AnswerGuard)
  @HttpCode(204)
  async logout(request: TransportRequest, response: unknown): Promise<void> {
    const { access, refresh } = this.credentials.sessionOf(request);
    const token = await this.sessionOf(access, refresh);
    if (token) await this.tokens.revokeToken(token);
    if ((access ?? refresh)?.authType === 'cookie') this.cookies.clear(response);
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

  /** Where the user is logged in, newest first. */
  @Get('sessions')
  @UseGuards(AuthentifyGuard, AnswerGuard)
  async list({ auth }: SessionRequest): Promise<SessionView[]> {
    const sessions = await this.tokens.listUserTokens(auth.userId);
    return sessions.map((session) => sessionView(session, auth.id));
  }

  /** Ends one of the user's sessions; the same answer for an unknown, foreign, ended or malformed id (R50). */
  @Delete('sessions/:id')
  @UseGuards(AuthentifyGuard, AnswerGuard)
  @HttpCode(204)
  async end({ auth, params }: SessionRequest): Promise<void> {
    await this.tokens.revokeUserToken(auth.userId, params?.id ?? '');
  }

  /** A refresh token whose access token has run out still names its session: it is rotated a last time, then ended. */
  private async sessionOf(access: Credential | null, refresh: Credential | null): Promise<AbstractAuthToken | null> {
    const token = access && (await this.tokens.verifyToken(access.rawToken, access.authType));
    return token ?? (await this.next(refresh))?.token ?? null;
  }

  private next(refresh: Credential | null): Promise<IssuedTokens | null> {
    if (!refresh) return Promise.resolve(null);
    return this.tokens.refreshToken(refresh.rawToken, { authType: refresh.authType });
  }

  private refused(request: TransportRequest, response: unknown, credential: Credential | null): Error {
    if (credential) this.challenge.expect(request, credential.authType);
    this.challenge.write(request, response, credential ? { error: 'invalid_token' } : {});
    return unauthorized();
  }
}
