import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Post,
  Res,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import type { Response } from 'express';
import { CrossSiteGuard, CurrentUser, Public, TokenCookies, TokenService } from 'nestjs-authentify';
import { UsersService } from '../users/users.service.js';
import { describeDevice } from './describe-device.js';

/** Logging in, with tokens in cookies that scripts cannot read; `sessionRoutes` has the rest. */
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
    const issued = await this.tokens.generateCookieToken(user, { context: describeDevice(userAgent) });
    this.cookies.set(response, issued);
  }

  @Get('me')
  me(@CurrentUser('email') email: string): { email: string } {
    return { email };
  }
}
