import { Controller, Get, Inject, Module, Post, UnauthorizedException, UseGuards } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule, HeaderAuthGuard, TokenService } from '../../dist/index.js';
import { decorate } from '../support/decorate.mjs';
import { User } from '../support/entities.mjs';
import { dataSourceOptions } from '../support/postgres.mjs';

/** This library, as its quick start says. */
export function define({ schema, name }) {
  class OurController {
    constructor(tokens) {
      this.tokens = tokens;
    }

    me(request) {
      return { id: request.user.id };
    }

    login(request) {
      return this.tokens.generateHeaderToken(request.body.userId);
    }

    async refresh(request) {
      const issued = await this.tokens.refreshToken(request.body.refreshToken, { authType: 'header' });
      if (!issued) throw new UnauthorizedException();
      return issued;
    }
  }
  Inject(TokenService)(OurController, undefined, 0);
  const routes = { me: [Get('me'), UseGuards(HeaderAuthGuard)], login: [Post('login')], refresh: [Post('refresh')] };
  decorate(OurController, routes, Controller());

  class OurModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot(dataSourceOptions(schema, name)),
      AuthentifyModule.forRoot({ userEntity: User, tokenTtl: '1d', refreshTokenTtl: '7d' }),
    ],
    controllers: [OurController],
  })(OurModule);
  return { module: OurModule };
}
