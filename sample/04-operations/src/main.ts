import 'reflect-metadata';
import './tracing/sdk.js';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { traceRequest } from './tracing/trace-request.js';

const app = await NestFactory.create(AppModule);
app.use(traceRequest);
app.enableShutdownHooks();
await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
