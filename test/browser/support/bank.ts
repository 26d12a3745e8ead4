import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import {
  AbstractAuthToken,
  CookieAuthGuard,
  CrossSiteGuard,
  CurrentToken,
  CurrentUser,
  type IncomingRequest,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import type { User } from '../../support/users.js';

/** An app with something to lose. What it was made to do stands in `acts`. */
@Controller()
export class BankController {
  acts: string[] = [];

  constructor(
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
  ) {}

  @Get()
  @Header('Content-Type', 'text/html')
  home(): string {
    return '<!doctype html><title>Bank</title><link rel="icon" href="data:,"><p id="shown">Welcome</p>';
  }

  @Post('login')
  @HttpCode(200)
  @UseGuards(CrossSiteGuard)
  async login(@Body('user') user: unknown, @Res({ passthrough: true }) response: unknown): Promise<object> {
    const issued = await this.tokens.generateCookieToken(Number(user));
    this.cookies.set(response, issued);
    this.acts.push('login');
    return { expiresAt: issued.token.expiresAt };
  }

  @Post('refresh')
  @HttpCode(200)
  @UseGuards(CrossSiteGuard)
  async refresh(@Req() request: IncomingRequest, @Res({ passthrough: true }) response: unknown): Promise<object> {
    const presented = this.cookies.refreshTokenFrom(request);
    const issued = presented === null ? null : await this.tokens.refreshToken(presented, { authType: 'cookie' });
    if (!issued) throw new UnauthorizedException();
    this.cookies.set(response, issued);
    this.acts.push('refresh');
    return { expiresAt: issued.token.expiresAt };
  }

  @Post('transfer')
  @HttpCode(200)
  @UseGuards(CookieAuthGuard)
  transfer(@CurrentUser('email') email: string): object {
    this.acts.push(`transfer by ${email}`);
    return { email };
  }

  @Post('logout')
  @HttpCode(204)
  @UseGuards(CookieAuthGuard)
  async logout(@CurrentToken() token: AbstractAuthToken, @Res({ passthrough: true }) response: unknown): Promise<void> {
    await this.tokens.revokeToken(token);
    this.cookies.clear(response);
    this.acts.push('logout');
  }

  @Get('me')
  @UseGuards(CookieAuthGuard)
  me(@CurrentUser('email') email: string): object {
    return { email };
  }

  /** Private data as HTML, and nothing said of keeping it. */
  @Get('careless-statement')
  @Header('Content-Type', 'text/html')
  @UseGuards(CookieAuthGuard)
  carelessStatement(@CurrentUser() user: User): string {
    return `<!doctype html><title>Statement</title><p id="shown">Private to ${user.email}</p>`;
  }

  @Get('statement')
  @Header('Content-Type', 'text/html')
  @Header('Cache-Control', 'no-store')
  @UseGuards(CookieAuthGuard)
  statement(@CurrentUser() user: User): string {
    return this.carelessStatement(user);
  }
}
