// An app of the packed library, as its users write them: node build/app.js express|fastify sqljs,postgres,mariadb
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Controller, type DynamicModule, Get, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule, CurrentUser, HeaderAuthGuard, TokenService } from 'nestjs-authentify';
import { AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { createAuthTokens } from 'nestjs-authentify/migrations';
import { actingAs, travel, travelBack } from 'nestjs-authentify/testing';
import { Column, DataSource, type DataSourceOptions, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('users')
class User {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
  @Column({ type: 'varchar' }) name!: string;
}

@Controller()
class MeController {
  @Get('me')
  @UseGuards(HeaderAuthGuard)
  me(@CurrentUser('name') name: string): { name: string } {
    return { name };
  }
}

class AppModule {
  static on(database: DataSourceOptions): DynamicModule {
    return {
      module: AppModule,
      imports: [
        TypeOrmModule.forRoot({ ...database, autoLoadEntities: true, synchronize: true, entities: [User] }),
        AuthentifyModule.forRoot({
          userEntity: User,
          tokenTtl: '15m',
          refreshTokenTtl: '7d',
          sessionRoutes: { path: 'auth' },
        }),
        AuthentifyAdminModule.register<User>({ path: 'admin', guards: [HeaderAuthGuard], searchColumns: ['name'] }),
      ],
      controllers: [MeController],
    };
  }
}

class CreateAuthTokens1767225600000 extends createAuthTokens({ userTable: 'users' }) {}

async function migrate(): Promise<void> {
  const migrations = [CreateAuthTokens1767225600000];
  const dataSource = new DataSource({ type: 'sqljs', synchronize: true, entities: [User], migrations });
  await dataSource.initialize();
  await dataSource.runMigrations();
  assert.equal(await dataSource.createQueryRunner().hasTable('auth_tokens'), true);
  await dataSource.undoLastMigration();
  await dataSource.destroy();
}

async function walk(adapter: 'express' | 'fastify', database: DataSourceOptions): Promise<void> {
  const options = { logger: ['error', 'warn', 'log'] as ('error' | 'warn' | 'log')[] };
  const http = adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(AppModule.on(database), http, options);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const me = async (token?: string) => {
    const response = await fetch(`${url}/me`, { headers: token ? { authorization: `Bearer ${token}` } : {} });
    return response.ok ? ((await response.json()) as { name: string }).name : response.status;
  };

  const tokens = app.get<TokenService>(TokenService);
  const user = await app.get(DataSource).getRepository(User).save({ name: 'Ada' });

  const first = await tokens.generateHeaderToken(user, { context: { device: 'laptop' } });
  assert.equal((await tokens.verifyToken(first.accessToken, 'header'))?.contextObj.device, 'laptop');
  assert.equal(await me(first.accessToken), 'Ada');
  assert.equal(await me(), 401);

  const second = await tokens.refreshToken(first.refreshToken ?? '', { authType: 'header' });
  assert.ok(second);
  assert.equal(await me(first.accessToken), 401);
  assert.equal(await me(second.accessToken), 'Ada');

  const admin = async (path: string, token?: string) => {
    const init = token ? { headers: { authorization: `Bearer ${token}` } } : {};
    const response = await fetch(`${url}/admin${path}`, init);
    return response.ok ? response.text() : response.status;
  };
  assert.equal(await admin('/sessions'), 401);
  assert.match(String(await admin('/sessions?user=1&state=active', second.accessToken)), /"userLabel":"Ada"/);
  assert.equal(await admin('/users?search=ad', second.accessToken), '{"users":[{"id":1,"label":"Ada"}]}');
  assert.match(String(await admin('', second.accessToken)), /admin\/page\/admin\.js/);
  assert.match(String(await admin('/page/admin.js', second.accessToken)), /^import /);

  assert.equal(await tokens.revokeToken(second.token), 1);
  assert.equal(await me(second.accessToken), 401);
  assert.equal(await tokens.refreshToken(second.refreshToken ?? ''), null);

  const third = await actingAs(app, user);
  const status = async () => (await fetch(`${url}/me`, { headers: third.headers })).status;
  assert.equal(await status(), 200);
  const sessions = await fetch(`${url}/auth/sessions`, { headers: third.headers });
  assert.equal(((await sessions.json()) as { current: boolean }[]).length, 1);
  travel('16m');
  assert.equal(await status(), 401);
  travelBack();
  assert.equal((await fetch(`${url}/auth/logout`, { method: 'POST', headers: third.headers })).status, 204);
  assert.equal(await status(), 401);

  await app.close();
}

const NAME = `authentify_matrix_${process.pid}`;
const POSTGRES = { type: 'postgres', host: '127.0.0.1', username: 'postgres', database: 'test' } as const;
const MARIADB = { type: 'mariadb', host: '127.0.0.1', username: 'root' } as const;

/** Runs `work` on a database of its own, which is gone afterwards. */
async function withDatabase(type: string, work: (options: DataSourceOptions) => Promise<void>): Promise<void> {
  if (type === 'sqljs') return work({ type: 'sqljs' });
  const server = await new DataSource(type === 'postgres' ? POSTGRES : MARIADB).initialize();
  await server.query(`CREATE SCHEMA ${NAME}`);
  try {
    await work(type === 'postgres' ? { ...POSTGRES, schema: NAME } : { ...MARIADB, database: NAME });
  } finally {
    await server.query(`DROP SCHEMA ${NAME}${type === 'postgres' ? ' CASCADE' : ''}`);
    await server.destroy();
  }
}

async function main(adapter: 'express' | 'fastify', databases: string): Promise<void> {
  await migrate();
  for (const type of databases.split(',')) {
    await withDatabase(type, async (options) => walk(adapter, options));
    console.log(`${type}: logged in, verified, refreshed, revoked, acted as, travelled`);
  }
}

const [, , adapter, databases] = process.argv as [string, string, 'express' | 'fastify', string];
main(adapter, databases).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
