import { hash } from 'node:crypto';
import { Controller, Get, Inject, Module, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { TypeOrmModule } from '@nestjs/typeorm';
import Strategy from 'passport-custom';
import { DataSource } from 'typeorm';
import { decorate } from '../support/decorate.mjs';
import { AuthToken } from '../support/entities.mjs';
import { dataSourceOptions } from '../support/postgres.mjs';
import { bearerOf } from '../support/raw.mjs';

/** What most write themselves: Nest's AuthGuard, a Passport strategy, and `findOne` with the user. */
export function define({ schema, name }) {
  class FindOneStrategy extends PassportStrategy(Strategy, 'find-one') {
    constructor(dataSource) {
      super();
      this.tokens = dataSource.getRepository(AuthToken);
    }

    async validate(request) {
      const accessTokenHash = hash('sha256', bearerOf(request.headers.authorization));
      const token = await this.tokens.findOne({ where: { accessTokenHash }, relations: { user: true } });
      return token?.isActive && token.user?.isActive ? token.user : null;
    }
  }
  Inject(DataSource)(FindOneStrategy, undefined, 0);

  class FindOneController {
    me(request) {
      return { id: request.user.id };
    }
  }
  decorate(FindOneController, { me: [Get('me'), UseGuards(AuthGuard('find-one'))] }, Controller());

  class FindOneModule {}
  Module({
    imports: [TypeOrmModule.forRoot(dataSourceOptions(schema, name))],
    providers: [FindOneStrategy],
    controllers: [FindOneController],
  })(FindOneModule);
  return { module: FindOneModule };
}
