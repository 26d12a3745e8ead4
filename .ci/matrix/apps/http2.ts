// HTTP/2 on Fastify: node build/http2.js plain|tls
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { Controller, Module, Post, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyGuard, AuthentifyModule, CurrentUser, TokenService } from 'nestjs-authentify';
import { DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('users')
class User {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
}

@Controller()
class MeController {
  @Post('me')
  @UseGuards(AuthentifyGuard)
  me(@CurrentUser() { id }: User): { id: number } {
    return { id };
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'sqljs', autoLoadEntities: true, synchronize: true, entities: [User] }),
    AuthentifyModule.forRoot({ userEntity: User, authCookieNames: ['__Host-token'], sessionRoutes: { path: 'auth' } }),
  ],
  controllers: [MeController],
})
class AppModule {}

/** A key and a certificate, one after the other. */
function pem(): string {
  const args = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost'];
  return execFileSync('openssl', ['req', '-x509', ...args, '-keyout', '-', '-out', '-'], { stdio: 'pipe' }).toString();
}

async function main(kind: string | undefined): Promise<void> {
  const key = kind === 'tls' ? pem() : '';
  const options = key ? { http2: true as const, https: { key, cert: key } } : { http2: true as const };
  const app = await NestFactory.create(AppModule, new FastifyAdapter(options as object), { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  const url = `${key ? 'https' : 'http'}://127.0.0.1:${port}`;
  const client = connect(url, { rejectUnauthorized: false });
  const post = (path: string, headers: OutgoingHttpHeaders): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const request = client.request({ ':method': 'POST', ':path': path, ...headers });
      request.on('response', (answer) => resolve(answer[':status']));
      request.on('error', reject);
      request.resume();
      request.end();
    });

  const user = await app.get(DataSource).getRepository(User).save({});
  const tokens = app.get<TokenService>(TokenService);
  const header = await tokens.generateHeaderToken(user);
  const { accessToken } = await tokens.generateCookieToken(user);
  const cookie = { cookie: ['a=1', `__Host-token=${accessToken}`] };
  assert.equal(await post('/me', {}), 401);
  assert.equal(await post('/me', { authorization: `Bearer ${header.accessToken}` }), 201);
  assert.equal(await post('/me', { ...cookie, origin: url }), 201);
  assert.equal(await post('/me', { ...cookie, origin: 'https://evil.example' }), 403);
  assert.equal(await post('/auth/logout', { ...cookie, origin: url }), 204);
  assert.equal(await post('/me', { ...cookie, origin: url }), 401);
  client.close();
  await app.close();
  console.log('let in, refused and logged out');
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
