import { Controller, Get, Inject, Module, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Strategy } from 'passport-jwt';
import { DataSource } from 'typeorm';
import { decorate } from '../support/decorate.mjs';
import { User } from '../support/entities.mjs';
import { dataSourceOptions } from '../support/postgres.mjs';
import { jwtCredentials, jwtOptions } from './jwt.mjs';

/** passport-jwt that loads the user: a request sees whether he is still active. */
export function define({ schema, name }) {
  class JwtUserStrategy extends PassportStrategy(Strategy) {
    constructor(dataSource) {
      super(jwtOptions);
      this.users = dataSource.getRepository(User);
    }

    async validate({ sub }) {
      const user = await this.users.findOneBy({ id: sub });
      return user?.isActive ? user : null;
    }
  }
  Inject(DataSource)(JwtUserStrategy, undefined, 0);

  class JwtUserController {
    me(request) {
      return { id: request.user.id };
    }
  }
  decorate(JwtUserController, { me: [Get('me'), UseGuards(AuthGuard('jwt'))] }, Controller());

  class JwtUserModule {}
  Module({
    imports: [TypeOrmModule.forRoot(dataSourceOptions(schema, name))],
    providers: [JwtUserStrategy],
    controllers: [JwtUserController],
  })(JwtUserModule);
  return { module: JwtUserModule, credentials: jwtCredentials() };
}
