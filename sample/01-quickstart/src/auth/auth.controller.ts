import { Body, Controller, Header, HttpCode, Post, Req, Res, UnauthorizedException, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import {
  AbstractAuthToken,
  AuthType,
  CrossSiteGuard,
  CurrentToken,
  CurrentUser,
  type IssuedTokens,
  Public,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { JsonOnlyGuard } from './json-only.guard.js';
import { type LoginBody, LoginBodyPipe } from './login.body.js';
import { type RefreshBody, RefreshBodyPipe } from './refresh.body.js';

@Controller('auth')
export class AuthController {
  constructor(
    private readonly users: UsersService,
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
  ) {}

  @Public()
  @UseGuards(CrossSiteGuard, JsonOnlyGuard)
  @Post('login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async login(@Body(LoginBodyPipe) body: LoginBody, @Res({ passthrough: true }) response: Response): Promise<unknown> {
    const user = await this.users.authenticate(body.email, body.password);
    // One answer for a wrong password, an unknown address and an inactive user.
    if (!user) throw new UnauthorizedException('E-mail address or password is wrong');

    const options = { context: { device: body.device, plan: user.plan } };
    const issued =
      body.mode === AuthType.COOKIE
        ? await this.tokens.generateCookieToken(user, options)
        : await this.tokens.generateHeaderToken(user, options);
    return this.deliver(issued, response);
  }

  @Public()
  @UseGuards(CrossSiteGuard, JsonOnlyGuard)
  @Post('refresh')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async refresh(
    @Body(RefreshBodyPipe) { refreshToken }: RefreshBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<unknown> {
    const [presented, authType] =
      refreshToken === undefined
        ? [this.cookies.refreshTokenFrom(request), AuthType.COOKIE]
        : [refreshToken, AuthType.HEADER];
    const issued = presented === null ? null : await this.tokens.refreshToken(presented, { authType });
    // The cookies stay: another tab may have refreshed meanwhile, and clearing would throw its new ones away.
    if (!issued) throw new UnauthorizedException('The refresh token cannot be used');
    return this.deliver(issued, response);
  }

  @Post('logout')
  @HttpCode(204)
  async logout(
    @CurrentToken() token: AbstractAuthToken,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.tokens.revokeToken(token);
    this.forget(token, response);
  }

  /** On all devices; with `{ except: token }` it would be on all others. */
  @Post('logout-all')
  @HttpCode(204)
  async logoutAll(
    @CurrentUser() user: User,
    @CurrentToken() token: AbstractAuthToken,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.tokens.revokeAllUserTokens(user);
    this.forget(token, response);
  }

  /** Gives a pair to the client: as JSON, or in cookies that scripts of the page cannot read. */
  private deliver(issued: IssuedTokens, response: Response): unknown {
    const { authType, expiresAt, refreshUntil } = issued.token;
    if (authType === AuthType.HEADER) return issued.toJSON();
    this.cookies.set(response, issued);
    return { expiresAt, refreshUntil };
  }

  private forget(token: AbstractAuthToken, response: Response): void {
    if (token.authType === AuthType.COOKIE) this.cookies.clear(response);
  }
}
