import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AuthentifyModule, TokenService } from '../../dist/index.js';
import { User } from './entities.mjs';

/** The library in an app without HTTP: its service, the data source, and how to close both. */
export async function openTokens(dataSource, options = {}) {
  class AppModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot(dataSource),
      AuthentifyModule.forRoot({ userEntity: User, tokenTtl: '1d', refreshTokenTtl: '7d', ...options }),
    ],
  })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'], abortOnError: false });
  return {
    tokens: app.get(TokenService),
    dataSource: app.get(DataSource),
    get: (type) => app.get(type),
    close: () => app.close(),
  };
}
