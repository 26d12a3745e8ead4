// One server under test: node start.mjs <kind> <express|fastify> <schema>. Says by IPC where it listens.
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';

const [kind, adapter, schema] = process.argv.slice(2);
const name = `${adapter}_${kind}_${process.pid}`;
const { define } = await import(`./${kind}.mjs`);
const { module, configure, credentials } = await define({ schema, name });
const app = await NestFactory.create(module, adapter === 'fastify' ? new FastifyAdapter() : new ExpressAdapter(), {
  logger: ['error', 'warn'],
});
configure?.(app);
await app.listen(0, '127.0.0.1');
process.on('disconnect', () => process.exit());
process.send({ port: app.getHttpServer().address().port, name, credentials });
