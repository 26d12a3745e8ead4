import { Body, Controller, Get, Header, HttpCode, Post, Res, UseGuards } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { AbstractAuthToken, CrossSiteGuard, CurrentUser, Public, TokenCookies, TokenService } from 'nestjs-authentify';
import { Repository } from 'typeorm';
import { type LoginBody, LoginBodyPipe } from '../accounts/login.body.js';
import { type Door, login } from '../accounts/login.js';
import { Customer } from './customer.entity.js';

/** As in an app that has customers only: nothing here knows of staff. */
@Controller()
export class CustomersController implements Door<Customer> {
  constructor(
    @InjectRepository(Customer) readonly accounts: Repository<Customer>,
    readonly tokens: TokenService<AbstractAuthToken<Customer>>,
    readonly cookies: TokenCookies,
  ) {}

  @Post('auth/login')
  @Public()
  @UseGuards(CrossSiteGuard)
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  login(@Body(LoginBodyPipe) body: LoginBody, @Res({ passthrough: true }) response: unknown): Promise<unknown> {
    return login(this, body, response);
  }

  @Get('me')
  me(@CurrentUser() { id, email }: Customer): object {
    return { customer: id, email };
  }
}
