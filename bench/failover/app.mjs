// One process of an app: node app.mjs <port of the database>. Tells its own port, and its counts when asked.
import 'reflect-metadata';
import { Controller, Get, HttpCode, Logger, Module, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AuthentifyEvents,
  AuthentifyModule,
  authTokenEntity,
  HeaderAuthGuard,
  TokenService,
} from '../../dist/index.js';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { decorate } from '../support/decorate.mjs';

export class User {}
PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar' })(User.prototype, 'name');
Entity('users')(User);

/** Short patience, so that a server that is silent is a 503 soon. */
export const optionsOf = (port) => ({
  type: 'postgres',
  host: '127.0.0.1',
  port,
  username: 'postgres',
  database: 'postgres',
  entities: [User, authTokenEntity(() => User)],
  extra: { max: 10, connectionTimeoutMillis: 2_000, query_timeout: 2_000 },
});

if (process.send) {
  Logger.overrideLogger(false);
  const [, , port] = process.argv;

  class AppController {
    constructor(tokens) {
      this.tokens = tokens;
    }

    login() {
      return this.tokens.generateHeaderToken(1);
    }

    me({ user }) {
      return { id: user.id };
    }
  }
  Reflect.defineMetadata('design:paramtypes', [TokenService], AppController);
  decorate(
    AppController,
    { login: [Post('login'), HttpCode(200)], me: [Get('me'), UseGuards(HeaderAuthGuard)] },
    Controller(),
  );

  class AppModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot(optionsOf(Number(port))),
      AuthentifyModule.forRoot({ userEntity: User, sessionRoutes: { path: 'auth' }, keepExpiredTokens: true }),
    ],
    controllers: [AppController],
  })(AppModule);

  const app = await NestFactory.create(AppModule);
  let reuses = 0;
  app.get(AuthentifyEvents).subscribe(({ type }) => {
    if (type === 'reuse-detected') reuses += 1;
  });
  await app.listen(0, '127.0.0.1');
  process.send({ url: await app.getUrl() });
  process.on('message', () => process.send({ reuses }));
}
