import { performance } from 'node:perf_hooks';
import { Controller, Get, Module, UseGuards, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyModule, AutoRefreshInterceptor, HeaderAuthGuard, TokenService } from '../../dist/index.js';
import { decorate } from '../support/decorate.mjs';
import { User } from '../support/entities.mjs';
import { dataSourceOptions, withSchema } from '../support/postgres.mjs';
import { table } from '../support/report.mjs';
import { fillPostgres } from '../support/sessions.mjs';
import { median } from '../support/statistics.mjs';

const REQUESTS = 1_000;

class SlidingController {
  sliding(request) {
    return { id: request.user.id };
  }
}
const guarded = [Get('sliding'), UseGuards(HeaderAuthGuard), UseInterceptors(AutoRefreshInterceptor)];
decorate(SlidingController, { sliding: guarded }, Controller());

/** A thousand requests at once on one session, whose slide is due, and again when it is not. */
export function storm(isQuick) {
  return withSchema('storm', async (schema, client) => {
    await fillPostgres(client, { users: 10, sessions: 10 });
    const statements = [];
    const logger = { logQuery: (sql) => statements.push(sql.slice(0, 6)) };
    const silent = ['logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'];
    for (const name of silent) logger[name] = () => {};
    class AppModule {}
    Module({
      imports: [
        TypeOrmModule.forRoot({ ...dataSourceOptions(schema), logger }),
        AuthentifyModule.forRoot({
          userEntity: User,
          tokenTtl: '1h',
          refreshTokenTtl: '7d',
          autoRefreshInterval: '5m',
          autoRefreshMaxTtl: '30d',
        }),
      ],
      controllers: [SlidingController],
    })(AppModule);
    const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error'], abortOnError: false });
    await app.init();
    try {
      const { accessToken, token } = await app.get(TokenService).generateHeaderToken(1);
      const run = async () => {
        statements.length = 0;
        const begin = performance.now();
        const headers = { authorization: `Bearer ${accessToken}` };
        const answers = await Promise.all(
          Array.from({ length: REQUESTS }, () => app.inject({ url: '/sliding', headers })),
        );
        if (answers.some(({ statusCode }) => statusCode !== 200)) throw new Error('A request was not answered');
        const count = (verb) => statements.filter((one) => one === verb).length;
        return { took: performance.now() - begin, selects: count('SELECT'), updates: count('UPDATE') };
      };
      const runs = { due: [], 'not due': [] };
      for (let round = -2; round < (isQuick ? 5 : 20); round += 1) {
        await client.query('UPDATE auth_tokens SET last_refreshed_at = last_refreshed_at - $1 WHERE id = $2', [
          400_000 + round,
          token.id,
        ]);
        const [due, rest] = [await run(), await run()];
        if (round < 0) continue;
        runs.due.push(due);
        runs['not due'].push(rest);
      }
      return { title: 'A storm on one session', markdown: describe(runs) };
    } finally {
      await app.close();
    }
  });
}

function describe(runs) {
  const most = (samples, figure) => Math.max(...samples.map((sample) => sample[figure]));
  const cells = Object.entries(runs).map(([name, samples]) => [
    `slide ${name}`,
    median(samples.map(({ took }) => took)).toFixed(0),
    most(samples, 'selects'),
    most(samples, 'updates'),
  ]);
  return `${table([`${REQUESTS} requests at once`, 'ms', 'most SELECTs', 'most UPDATEs'], cells)}

Through guard and interceptor, Fastify, without sockets, on PostgreSQL. \`npm run bench:ci\` shows that never two of the
SELECTs are under way at a time.`;
}
