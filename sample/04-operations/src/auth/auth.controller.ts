import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Post,
  UnauthorizedException,
} from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { CurrentUser, type IssuedTokensJson, Public, TokenService } from 'nestjs-authentify';
import type { Repository } from 'typeorm';
import { User } from '../users/user.entity.js';

@Controller()
export class AuthController {
  constructor(
    private readonly tokens: TokenService,
    @InjectRepository(User) private readonly users: Repository<User>,
  ) {}

  /** Without a password, to keep to the point of this sample; 01-quickstart shows how it is done. */
  @Public()
  @Post('auth/login')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async login(@Body('email') email: unknown): Promise<IssuedTokensJson> {
    if (typeof email !== 'string') throw new BadRequestException('email must be a string');
    const user = await this.users.findOneBy({ email });
    if (!user) throw new UnauthorizedException();
    const issued = await this.tokens.generateHeaderToken(user);
    return issued.toJSON();
  }

  @Get('me')
  me(@CurrentUser() { id, email }: User): User {
    return { id, email };
  }
}
