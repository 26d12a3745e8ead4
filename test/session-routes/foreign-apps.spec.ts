import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  ClassSerializerInterceptor,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  type INestApplication,
  Injectable,
  Logger,
  type NestInterceptor,
  type PipeTransform,
  Scope,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { catchError, delay, map, NEVER, type Observable, of, tap, timeout } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Answer, bearer, send } from '../requests/client.js';
import { ADAPTERS, startApp, type Setup, type TestApp } from '../support/app.js';
import { cookiesOf, sessionClient, tokensInCookies } from './client.js';

const PAIR = ['accessToken', 'expiresAt', 'refreshToken', 'refreshUntil'];
const VIEW = ['context', 'createdAt', 'current', 'expiresAt', 'id', 'lastRefreshedAt', 'refreshUntil'];

interface HttpRequest {
  url: string;
  method: string;
}
interface HttpResponse {
  setHeader?(name: string, value: string): void;
  header?(name: string, value: string): void;
}

const urlOf = (context: ExecutionContext): string => context.switchToHttp().getRequest<HttpRequest>().url;
const mark = (response: HttpResponse): void => {
  if (response.setHeader) response.setHeader('X-After', 'yes');
  else response.header?.('X-After', 'yes');
};

/** A cache that knows the address only, as first drafts do. */
function naiveCache(): NestInterceptor {
  const cache = new Map<string, unknown>();
  return {
    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      const url = urlOf(context);
      return cache.has(url) ? of(cache.get(url)) : next.handle().pipe(tap((body) => cache.set(url, body)));
    },
  };
}

/** What apps register for all their routes. */
const INTERCEPTORS: Record<string, (app: INestApplication) => NestInterceptor> = {
  'serialises classes': (app) => new ClassSerializerInterceptor(app.get(Reflector)),
  'serialises nothing that is not exposed': (app) =>
    new ClassSerializerInterceptor(app.get(Reflector), { strategy: 'excludeAll' }),
  'caches by address': naiveCache,
  'wraps what is answered': () => ({ intercept: (_, next) => next.handle().pipe(map((data: unknown) => ({ data }))) }),
  'answers by itself': () => ({ intercept: () => of({ cached: true }) }),
  'never answers': () => ({ intercept: () => NEVER }),
  'answers late': () => ({ intercept: (_, next) => next.handle().pipe(delay(20), timeout(1_000)) }),
  'makes an error of nothing': () => ({
    intercept: (_, next) =>
      next.handle().pipe(
        map((body: unknown) => {
          if (body === undefined) throw new HttpException('empty', 404);
          return body;
        }),
      ),
  }),
  'makes a success of an error': () => ({
    intercept: (_, next) => next.handle().pipe(catchError(() => of({ ok: true }))),
  }),
  'sets headers afterwards': () => ({
    intercept: (context, next) =>
      next.handle().pipe(tap(() => mark(context.switchToHttp().getResponse<HttpResponse>()))),
  }),
};

/** Takes every value apart. */
const PIPE: PipeTransform = { transform: () => ({}) };

/** A filter for everything, which keeps a list. */
@Catch()
class CatchAllFilter implements ExceptionFilter {
  readonly caught: unknown[] = [];

  constructor(private readonly app: INestApplication) {}

  catch(error: unknown, host: ArgumentsHost): void {
    this.caught.push(error);
    const [status, body] =
      error instanceof HttpException ? [error.getStatus(), error.getResponse()] : [500, { message: String(error) }];
    this.app.getHttpAdapter().reply(host.switchToHttp().getResponse(), body, status);
  }

  get statuses(): unknown[] {
    return this.caught.map((error) => (error instanceof HttpException ? error.getStatus() : error));
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

describe.each(ADAPTERS)('session routes in an app of others on %s', (adapter) => {
  let t: TestApp | undefined;
  const unhandled = vi.fn();
  afterEach(async () => {
    process.off('unhandledRejection', unhandled);
    await t?.close();
    expect(unhandled).not.toHaveBeenCalled();
  });

  async function start(configure: Setup['configure'], setup: Setup = {}): Promise<TestApp> {
    process.on('unhandledRejection', unhandled);
    t = await startApp({
      adapter,
      extras: { sessionRoutes: { path: 'auth' } },
      ...setup,
      ...(configure && { configure }),
    });
    return t;
  }

  /** Every route, of both transports, as it must be whatever the app adds. */
  async function walk(t: TestApp): Promise<Answer[]> {
    const routes = sessionClient(`${t.url}/auth`);
    const [a, b] = [await t.createUser(), await t.createUser()];
    const header = await t.tokens.generateHeaderToken(a);
    const cookie = await t.tokens.generateCookieToken(b);

    const inBody = await routes.refresh(header.refreshToken);
    expect([inBody.status, Object.keys(inBody.json).toSorted()]).toEqual([200, PAIR]);
    const inCookies = await routes.refreshByCookie(cookie);
    expect([inCookies.status, Object.keys(inCookies.json).toSorted()]).toEqual([200, ['expiresAt', 'refreshUntil']]);

    const ofA = bearer(inBody.json.accessToken as string);
    const ofB = cookiesOf(tokensInCookies(inCookies));
    const lists: Answer[] = [];
    for (const [headers, { token }] of [
      [ofA, header],
      [ofB, cookie],
    ] as const) {
      const list = await routes.call('GET', 'sessions', { headers });
      const [view] = list.json as unknown as Record<string, unknown>[];
      expect([list.status, Object.keys(view ?? {}).toSorted(), view?.id]).toEqual([200, VIEW, token.id]);
      lists.push(list);
    }
    const spare = await t.tokens.generateHeaderToken(a);
    const endings = [
      await routes.call('DELETE', `sessions/${spare.token.id}`, { headers: ofA }),
      await routes.call('POST', 'logout-others', { headers: ofA }),
      await routes.call('POST', 'logout-all', { headers: ofA }),
      await routes.call('POST', 'logout', { headers: ofB }),
    ];
    expect(endings.map(({ status, text }) => [status, text])).toEqual(endings.map(() => [204, '']));
    expect([await t.tokens.listUserTokens(a), await t.tokens.listUserTokens(b)]).toEqual([[], []]);
    const refused = await routes.call('GET', 'sessions', { headers: ofA });
    expect([refused.status, refused.json.errorCode]).toEqual([401, 'invalid_token']);
    const answers = [inBody, inCookies, ...lists, ...endings, refused];
    expect(answers.map(({ headers }) => [headers['cache-control'], headers['x-after']])).toEqual(
      answers.map(() => ['no-store', undefined]),
    );
    return answers;
  }

  it.each(Object.keys(INTERCEPTORS))('R70: answer as ever where an interceptor for all routes %s', async (name) => {
    await walk(await start((app) => app.useGlobalInterceptors(INTERCEPTORS[name]!(app))));
  });

  it('R70: answer as ever where all of them, a pipe and a filter stand together', async () => {
    const app = await start((app) =>
      app
        .useGlobalInterceptors(...Object.values(INTERCEPTORS).map((make) => make(app)))
        .useGlobalPipes(PIPE)
        .useGlobalFilters(new CatchAllFilter(app)),
    );
    await walk(app);
  });

  it('R70: a cache for all routes shows nobody the sessions of somebody else', async () => {
    const app = await start((app) => app.useGlobalInterceptors(naiveCache()));
    const routes = sessionClient(`${app.url}/auth`);
    const [a, b] = [await app.createUser(), await app.createUser()];
    for (const user of [a, b, a]) {
      const { accessToken, token } = await app.tokens.generateHeaderToken(user, { context: { of: user.id } });
      const list = await routes.call('GET', 'sessions', { headers: bearer(accessToken) });
      expect(list.json).toMatchObject([{ id: token.id, context: { of: user.id } }]);
      await app.tokens.revokeToken(token);
    }
  });

  it('tell the app’s filters of what went wrong, and of nothing else', async () => {
    let filter: CatchAllFilter | undefined;
    const app = await start((app) => {
      filter = new CatchAllFilter(app);
      app.useGlobalFilters(filter);
    });
    await walk(app);
    const routes = sessionClient(`${app.url}/auth`);
    await routes.refresh(1);
    await routes.refresh('bad');
    expect(filter?.statuses).toEqual([401, 400, 401]);
  });

  it('work behind a guard made anew for each request', async () => {
    const providers = [{ provide: APP_GUARD, useClass: ScopedGuard }];
    await walk(await start(undefined, { providers }));
  });

  it('log nothing, and answer once, whatever the adapter does to answers on their way out', async () => {
    const logged: unknown[] = [];
    const listen = (...line: unknown[]): void => void logged.push(line);
    const app = await start((app) => {
      app.enableCors({ origin: true, credentials: true });
      if (adapter === 'express') {
        app.use(
          (
            _request: unknown,
            response: { json(body: unknown): unknown; setHeader: HttpResponse['setHeader'] },
            next: () => void,
          ) => {
            const json = response.json.bind(response);
            response.json = (body) => json({ wrapped: body });
            response.setHeader?.('X-Hardened', 'yes');
            next();
          },
        );
        return;
      }
      const fastify = app.getHttpAdapter().getInstance() as {
        log: { warn: unknown; error: unknown };
        addHook(name: string, hook: (...given: never[]) => Promise<unknown>): void;
      };
      Object.assign(fastify.log, { warn: listen, error: listen });
      fastify.addHook('preSerialization', async (_request: never, _reply: never, payload: unknown) => ({
        wrapped: payload,
      }));
      fastify.addHook('onSend', async (_request: never, reply: HttpResponse, payload: unknown) => {
        reply.header?.('X-Hardened', 'yes');
        await new Promise((resolve) => setTimeout(resolve, 10));
        return payload;
      });
    });
    Logger.overrideLogger({ log() {}, warn: listen, error: listen, fatal: listen });
    try {
      const routes = sessionClient(`${app.url}/auth`);
      const session = await app.tokens.generateHeaderToken(await app.createUser());
      const headers = { ...bearer(session.accessToken), Origin: 'https://spa.example' };
      const list = await routes.call('GET', 'sessions', { headers });
      expect(list.json).toMatchObject([{ id: session.token.id }]);
      const head = await routes.call('HEAD', 'sessions', { headers });
      const out = await routes.call('POST', 'logout', { headers });
      expect([list.status, head.status, head.text, out.status, out.text]).toEqual([200, 200, '', 204, '']);
      for (const answer of [list, head, out]) {
        expect(answer.headers).toMatchObject({
          'x-hardened': 'yes',
          'access-control-allow-origin': 'https://spa.example',
          'cache-control': 'no-store',
        });
      }
    } finally {
      Logger.overrideLogger(false);
    }
    expect(logged).toEqual([]);
  });

  it('R70: the admin answers as ever too', async () => {
    const app = await start(
      (app) => app.useGlobalInterceptors(...Object.values(INTERCEPTORS).map((make) => make(app))),
      {
        imports: [
          AuthentifyAdminModule.register({ path: 'admin', guards: [{ canActivate: () => true }], actions: ['issue'] }),
        ],
      },
    );
    const admin = sessionClient(`${app.url}/admin`);
    const { id } = await app.createUser();
    const issued = await admin.call('POST', 'sessions', {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ userId: id, type: 'header' }),
    });
    expect([issued.status, issued.json.accessToken]).toEqual([201, expect.stringMatching(/^af_at_/)]);
    expect((await admin.call('GET', 'sessions')).json.sessions).toHaveLength(1);
    const page = await send(`${app.url}/admin`);
    expect([page.text.slice(0, 15), page.headers['content-type']]).toEqual([
      '<!doctype html>',
      'text/html; charset=utf-8',
    ]);
  });
});
