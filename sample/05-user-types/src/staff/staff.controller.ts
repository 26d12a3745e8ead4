import { Body, Controller, Get, Header, HttpCode, Param, ParseIntPipe, Post, Res, UseGuards } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import {
  AbstractAuthToken,
  CrossSiteGuard,
  CurrentUser,
  GuardFor,
  InjectFor,
  Public,
  RequireFresh,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import { Repository } from 'typeorm';
import { type LoginBody, LoginBodyPipe } from '../accounts/login.body.js';
import { type Door, login } from '../accounts/login.js';
import { Colleague } from './colleague.entity.js';
import { StaffGuard } from './staff.guard.js';
import { SupportService } from './support.service.js';

@Controller('staff')
export class StaffController implements Door<Colleague> {
  constructor(
    @InjectRepository(Colleague) readonly accounts: Repository<Colleague>,
    @InjectFor('staff') readonly tokens: TokenService<AbstractAuthToken<Colleague>>,
    @InjectFor('staff') readonly cookies: TokenCookies,
    private readonly support: SupportService,
  ) {}

  @Post('auth/login')
  @Public()
  @UseGuards(GuardFor('staff', CrossSiteGuard))
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  login(@Body(LoginBodyPipe) body: LoginBody, @Res({ passthrough: true }) response: unknown): Promise<unknown> {
    return login(this, body, response);
  }

  @Get('me')
  @UseGuards(StaffGuard)
  me(@CurrentUser() { id, email }: Colleague): object {
    return { colleague: id, email };
  }

  /** Somebody called and has lost a phone. */
  @Post('customers/:id/logout')
  @UseGuards(StaffGuard)
  @RequireFresh('1h')
  @HttpCode(200)
  async logOutCustomer(@CurrentUser() by: Colleague, @Param('id', ParseIntPipe) id: number): Promise<object> {
    return this.support.logOutCustomer(id, by);
  }
}
