import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyGuard, AuthentifyModule } from 'nestjs-authentify';
import { addSessionAuth } from 'nestjs-authentify/swagger';
import { Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('users')
class User {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
}

@UseGuards(AuthentifyGuard)
@Controller()
class MeController {
  @Get('me')
  me(): object {
    return {};
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true, entities: [User] }),
    AuthentifyModule.forRoot({ userEntity: User, sessionRoutes: { path: 'auth' } }),
  ],
  controllers: [MeController],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.init();
  const builder = addSessionAuth(app, new DocumentBuilder());
  const { components, paths } = SwaggerModule.createDocument(app, builder.build());
  assert.deepEqual(Object.keys(components?.securitySchemes ?? {}), ['authentify-header', 'authentify-cookie']);
  const either = [{ 'authentify-header': [] }, { 'authentify-cookie': [] }];
  const answers = { '/me': ['200', '401', '503'], '/auth/sessions': ['200', '400', '401', '503'] };
  for (const [path, statuses] of Object.entries(answers)) {
    assert.deepEqual(paths[path]?.get?.security, either);
    assert.deepEqual(Object.keys(paths[path]?.get?.responses ?? {}), statuses);
  }
  await app.close();
  console.log('documented');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
