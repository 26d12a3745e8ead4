// Two registrations, whose guards and services must not be mixed up, whatever a bundler calls their classes.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AuthentifyModule,
  CookieAuthGuard,
  CurrentUser,
  GuardFor,
  HeaderAuthGuard,
  type IssuedTokens,
  providerFor,
  TokenService,
} from 'nestjs-authentify';
import { AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('users')
class User {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
  @Column({ type: 'varchar' }) name!: string;
}

@Entity('staff')
class Colleague {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
  @Column({ type: 'varchar' }) name!: string;
}

class StaffHeaderGuard extends GuardFor('staff', HeaderAuthGuard) {}
class StaffCookieGuard extends GuardFor('staff', CookieAuthGuard) {}

@Controller()
class MeController {
  @Get('default/header')
  @UseGuards(HeaderAuthGuard)
  header(@CurrentUser('name') name: string): { name: string } {
    return { name };
  }

  @Get('default/cookie')
  @UseGuards(CookieAuthGuard)
  cookie(@CurrentUser('name') name: string): { name: string } {
    return { name };
  }

  @Get('staff/header')
  @UseGuards(StaffHeaderGuard)
  staffHeader(@CurrentUser('name') name: string): { name: string } {
    return { name };
  }

  @Get('staff/cookie')
  @UseGuards(StaffCookieGuard)
  staffCookie(@CurrentUser('name') name: string): { name: string } {
    return { name };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true, entities: [User, Colleague] }),
    AuthentifyModule.forRoot({ userEntity: User, sessionRoutes: { path: 'default/auth' } }),
    AuthentifyModule.forRoot({ name: 'staff', userEntity: Colleague, sessionRoutes: { path: 'staff/auth' } }),
    AuthentifyAdminModule.register<User>({ path: 'admin', guards: [HeaderAuthGuard] }),
  ],
  controllers: [MeController],
})
class AppModule {}

async function walk(
  url: string,
  name: string,
  tokens: TokenService,
  user: { id: number; name: string },
): Promise<void> {
  const me = async (transport: string, headers: Record<string, string>) => {
    const response = await fetch(`${url}/${name}/${transport}`, { headers });
    return response.ok ? ((await response.json()) as { name: string }).name : response.status;
  };
  const logout = (headers: Record<string, string>) => fetch(`${url}/${name}/auth/logout`, { method: 'POST', headers });
  const bearer = ({ accessToken }: IssuedTokens) => ({ authorization: `Bearer ${accessToken}` });

  const first = await tokens.generateHeaderToken(user);
  assert.equal(await me('header', bearer(first)), user.name);
  assert.equal(await me('cookie', bearer(first)), 401);
  const refreshed = await fetch(`${url}/${name}/auth/refresh`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: first.refreshToken }),
  });
  const second = (await refreshed.json()) as IssuedTokens;
  assert.equal(await me('header', bearer(first)), 401);
  assert.equal(await me('header', bearer(second)), user.name);
  assert.equal((await logout(bearer(second))).status, 204);
  assert.equal(await me('header', bearer(second)), 401);

  const inCookie = await tokens.generateCookieToken(user);
  // Under each name that a registration may give its cookie.
  const names = ['__Host-Http-token', '__Host-token', `__Host-Http-${name}-token`, `__Host-${name}-token`];
  const cookie = { cookie: names.map((one) => `${one}=${inCookie.accessToken}`).join('; ') };
  assert.equal(await me('cookie', cookie), user.name);
  assert.equal(await me('header', cookie), 401);
  assert.equal((await logout(cookie)).status, 204);
  assert.equal(await me('cookie', cookie), 401);
}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const dataSource = app.get(DataSource);
  const ada = await dataSource.getRepository(User).save({ name: 'Ada' });
  const bob = await dataSource.getRepository(Colleague).save({ name: 'Bob' });
  const tokensOf = (name: string) => app.get<TokenService>(providerFor(name, TokenService));
  await walk(url, 'default', tokensOf('default'), ada);
  await walk(url, 'staff', tokensOf('staff'), bob);
  const { accessToken } = await tokensOf('default').generateHeaderToken(ada);
  const page = await fetch(`${url}/admin`, { headers: { authorization: `Bearer ${accessToken}` } });
  assert.match(await page.text(), /admin\/page\/admin\.js/);
  await app.close();
  console.log('two registrations kept apart');
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
