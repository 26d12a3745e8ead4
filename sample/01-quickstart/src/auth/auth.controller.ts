import { Body, Controller, Header, HttpCode, Post, Res, UnauthorizedException, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { AuthType, CrossSiteGuard, Public, TokenCookies, TokenService } from 'nestjs-authentify';
import { UsersService } from '../users/users.service.js';
import { type LoginBody, LoginBodyPipe } from './login.body.js';

/** Logging in is all there is to write: `sessionRoutes` in the app's module has the rest of `/auth`. */
@Controller('auth')
export class AuthController {
  constructor(
    private readonly users: UsersService,
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
  ) {}

  // Nobody is authenticated yet: without `CrossSiteGuard` a page of another site could log its visitor in as somebody else.
  @Public()
  @UseGuards(CrossSiteGuard)
  @Post('login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async login(@Body(LoginBodyPipe) body: LoginBody, @Res({ passthrough: true }) response: Response): Promise<unknown> {
    const user = await this.users.authenticate(body.email, body.password);
    // One answer for a wrong password, an unknown address and an inactive user.
    if (!user) throw new UnauthorizedException('E-mail address or password is wrong');

    const options = { context: { device: body.device, plan: user.plan } };
    if (body.mode === AuthType.HEADER) return (await this.tokens.generateHeaderToken(user, options)).toJSON();

    // In cookies that scripts of the page cannot read, and nowhere else.
    const issued = await this.tokens.generateCookieToken(user, options);
    this.cookies.set(response, issued);
    const { expiresAt, refreshUntil } = issued.token;
    return { expiresAt, refreshUntil };
  }
}
