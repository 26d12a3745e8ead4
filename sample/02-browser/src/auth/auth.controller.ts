import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import {
  AbstractAuthToken,
  AuthType,
  CrossSiteGuard,
  CurrentToken,
  CurrentUser,
  Public,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import { describeDevice } from '../devices/describe-device.js';
import { UsersService } from '../users/users.service.js';

/** Log in, stay logged in, log out. No answer holds a token: those are in cookies that scripts cannot read. */
@Controller('api')
export class AuthController {
  constructor(
    private readonly users: UsersService,
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
  ) {}

  // Nobody is authenticated here yet, so the check against other sites needs a guard of its own.
  @Public()
  @UseGuards(CrossSiteGuard)
  @Post('login')
  @HttpCode(204)
  async login(
    @Body() body: { email?: unknown; password?: unknown } | undefined,
    @Headers('user-agent') userAgent: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const { email, password } = body ?? {};
    if (typeof email !== 'string' || typeof password !== 'string') {
      throw new BadRequestException('email and password must be strings');
    }
    const user = await this.users.withPassword(email, password);
    if (!user) throw new UnauthorizedException('The e-mail address or the password is wrong.');
    const issued = await this.tokens.generateCookieToken(user, { context: { ...describeDevice(userAgent) } });
    this.cookies.set(response, issued);
  }

  @Public()
  @UseGuards(CrossSiteGuard)
  @Post('refresh')
  @HttpCode(204)
  async refresh(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<void> {
    const presented = this.cookies.refreshTokenFrom(request);
    const issued = presented && (await this.tokens.refreshToken(presented, { authType: AuthType.COOKIE }));
    // The cookies stay: another tab may just have got new ones, and clearing would throw those away.
    if (!issued) throw new UnauthorizedException();
    this.cookies.set(response, issued);
  }

  @Post('logout')
  @HttpCode(204)
  async logout(
    @CurrentToken() token: AbstractAuthToken,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    await this.tokens.revokeToken(token);
    this.cookies.clear(response);
  }

  @Get('me')
  me(@CurrentUser('email') email: string): { email: string } {
    return { email };
  }
}
