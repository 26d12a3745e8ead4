import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { DEMO_USERS } from './users/demo-users.js';

const HOST = '127.0.0.1';

async function bootstrap(): Promise<void> {
  // Nest's default parsers also read HTML forms, which any site can post. This API reads JSON and nothing else.
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false });
  app.useBodyParser('json', { limit: '10kb' });
  app.enableShutdownHooks();
  await app.listen(Number(process.env.PORT ?? 3000), HOST);
  new Logger('Quickstart').log(howToTry(await app.getUrl()));
}

function howToTry(url: string): string {
  const [demo] = DEMO_USERS;
  const login = (mode: string) => JSON.stringify({ email: demo.email, password: demo.password, mode });
  return `Listening on ${url}; log in as ${demo.email} with ${demo.password}. Try:

  curl -s ${url}/auth/login --json '${login('header')}'
  curl -s ${url}/me -H 'Authorization: Bearer <accessToken>'
  curl -s ${url}/auth/refresh --json '{"refreshToken":"<refreshToken>"}'

  curl -s -b jar -c jar ${url}/auth/login --json '${login('cookie')}'
  curl -s -b jar -c jar ${url}/me
  curl -s -b jar -c jar -X POST ${url}/auth/refresh
`;
}

await bootstrap();
