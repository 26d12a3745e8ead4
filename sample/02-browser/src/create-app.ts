import { resolve } from 'node:path';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { securityHeaders } from './security-headers.js';

/** Seen from the root of the repository, where `npm run start:browser` runs. */
const PAGES = resolve('sample/02-browser/public');

export async function createApp(): Promise<NestExpressApplication> {
  // Nest's default parsers also read HTML forms, which any site can post. This API reads JSON and nothing else.
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false });
  app.useBodyParser('json', { limit: '10kb' });
  app.disable('x-powered-by');
  app.use(securityHeaders);
  app.useStaticAssets(PAGES);
  app.enableShutdownHooks();
  return app;
}
