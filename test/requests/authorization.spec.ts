import { createWriteStream, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  Post,
  Query,
  Sse,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { FileInterceptor } from '@nestjs/platform-express';
import {
  AuthentifyGuard,
  AutoRefreshInterceptor,
  ContextGuard,
  FreshGuard,
  GuardFor,
  HeaderAuthGuard,
  RequireContext,
  RequireFresh,
} from 'nestjs-authentify';
import { of } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import { type Answer, bearer, send } from './client.js';
import { NOTHING_PRESENTED, verdict } from './controllers.js';

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 0, 15, 12);
const UPLOADS = mkdtempSync(join(tmpdir(), 'authentify-uploads-'));

class NamedGuard extends GuardFor('default') {}

/** What of the app has run. */
let ran: string[] = [];

@Injectable()
class Noisy implements PipeTransform, NestInterceptor {
  transform(value: unknown): unknown {
    ran.push('pipe');
    return value;
  }

  intercept(_context: ExecutionContext, next: CallHandler) {
    ran.push('interceptor');
    return next.handle();
  }
}

/** Stores what is sent, as upload interceptors do, on any adapter. */
@Injectable()
class StoringInterceptor implements NestInterceptor {
  async intercept(context: ExecutionContext, next: CallHandler) {
    const request = context.switchToHttp().getRequest<IncomingMessage & { raw?: IncomingMessage }>();
    await pipeline(request.raw ?? request, createWriteStream(join(UPLOADS, `stored-${Date.now()}`)));
    return next.handle();
  }
}

/** How a route may be guarded, with the requirement in every place it may stand. */
const WAYS: Record<string, MethodDecorator[]> = {
  'our guard below': [RequireContext({ plan: 'premium' }), UseGuards(AuthentifyGuard)],
  'our guard above': [UseGuards(HeaderAuthGuard), RequireContext({ plan: 'premium' })],
  'a guard of GuardFor': [RequireContext({ plan: 'premium' }), UseGuards(NamedGuard)],
  'a plain AuthGuard below': [RequireContext({ plan: 'premium' }), UseGuards(AuthGuard('authentify-header'))],
};

function premiumRoutes(): Type[] {
  return Object.values(WAYS).map((marks, index) => {
    class PremiumController {
      @Get()
      @UseInterceptors(CacheInterceptor, Noisy)
      premium(@Query('of', Noisy) _of: unknown): object {
        ran.push('handler');
        return { secret: 'for premium' };
      }

      @Sse('stream')
      @UseInterceptors(Noisy)
      stream(): unknown {
        ran.push('handler');
        return of({ data: 'for premium' });
      }

      @Post('upload')
      @UseInterceptors(FileInterceptor('file', { dest: UPLOADS }), Noisy)
      upload(): object {
        return {};
      }

      @Post('store')
      @UseInterceptors(StoringInterceptor)
      store(): object {
        return {};
      }
    }
    for (const name of ['premium', 'stream', 'upload', 'store'] as const) {
      const descriptor = Object.getOwnPropertyDescriptor(PremiumController.prototype, name)!;
      for (const mark of marks.toReversed()) mark(PremiumController.prototype, name, descriptor);
    }
    Controller(`premium-${index}`)(PremiumController);
    return PremiumController;
  });
}

const FORM = [
  '--frontier',
  'Content-Disposition: form-data; name="file"; filename="a.txt"',
  'Content-Type: text/plain',
  '',
  'content',
  '--frontier--',
  '',
].join('\r\n');

/** Where the guard phase of a class's plain guard is over before the handler's requirement is looked at. */
@Controller('plain')
@UseGuards(AuthGuard('authentify-header'))
class PlainController {
  @Get('class')
  @UseInterceptors(CacheInterceptor)
  @RequireContext({ plan: 'premium' })
  class(): object {
    return { secret: 'for premium' };
  }
}

/** A plain guard that runs last leaves the decision to the interceptor. */
@Controller('net')
class NetController {
  @Get()
  @UseGuards(AuthGuard('authentify-header'))
  @RequireContext({ plan: 'premium' })
  net(): object {
    ran.push('handler');
    return {};
  }

  @Get('fresh')
  @UseGuards(AuthGuard('authentify-header'))
  @RequireFresh('1m')
  fresh(): object {
    ran.push('handler');
    return {};
  }

  @Post('unguarded')
  @RequireContext({ plan: 'premium' })
  @UseInterceptors(StoringInterceptor, Noisy)
  unguarded(): object {
    return {};
  }
}

/** A role of the app that denies after our guard, and one that adds to the request. */
@Injectable()
class TenantGuard implements CanActivate {
  canActivate(): boolean {
    ran.push('guard');
    return true;
  }
}

let asked = 0;

@Controller('asked')
@UseGuards(AuthentifyGuard)
class AskedController {
  @Get()
  @UseGuards(HeaderAuthGuard, ContextGuard, FreshGuard, TenantGuard)
  @RequireContext<{ plan?: string }>(async ({ plan }) => {
    asked += 1;
    await Promise.resolve();
    return plan === 'premium';
  })
  @RequireFresh('1h')
  @UseInterceptors(AutoRefreshInterceptor)
  asked(): object {
    return {};
  }
}

describe.each(ADAPTERS)('R69: authorization in the guard phase on %s', (adapter) => {
  let t: TestApp;
  const start = async (setup: Setup = {}): Promise<void> => {
    ran = [];
    asked = 0;
    t = await startApp({
      adapter,
      controllers: [...premiumRoutes(), PlainController, NetController, AskedController],
      imports: [CacheModule.register({ isGlobal: true })],
      options: { tokenTtl: '1h', refreshTokenTtl: '1d', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' },
      extras: { autoRefresh: true },
      configure: (app) => {
        app.useLogger(false);
        const instance = app.getHttpAdapter().getInstance() as {
          addContentTypeParser?(
            type: string,
            parser: (request: unknown, body: unknown, done: () => void) => void,
          ): void;
        };
        instance.addContentTypeParser?.('multipart/form-data', (_request, _body, done) => done());
      },
      ...setup,
    });
  };
  const login = async (context = {}) => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser(), { context });
    return { headers: bearer(accessToken), token };
  };
  const get = (path: string, headers: Record<string, string>): Promise<Answer> => send(t.url + path, { headers });
  const upload = (path: string, headers: Record<string, string>): Promise<Answer> =>
    send(t.url + path, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'multipart/form-data; boundary=frontier' },
      body: FORM,
    });
  const slidAt = async (id: string): Promise<number> =>
    Number((await t.rows()).find((row) => row.id === id)!.last_refreshed_at);

  afterAll(() => rmSync(UPLOADS, { recursive: true, force: true }));

  describe('of routes', () => {
    beforeAll(() => start());
    afterAll(() => t.close());
    afterEach(() => vi.useRealTimers());

    const paths = Object.keys(WAYS).map((way, index) => [way, `/premium-${index}`] as const);

    it.each([...paths, ['a plain AuthGuard of the class', '/plain/class'] as const])(
      'a cache gives nobody what a premium session was answered: %s',
      async (_way, path) => {
        const [free, premium] = [await login(), await login({ plan: 'premium' })];
        expect((await get(path, free.headers)).status).toBe(403);
        expect((await get(path, premium.headers)).json).toEqual({ secret: 'for premium' });
        expect((await get(path, free.headers)).json).toEqual({ statusCode: 403, message: 'Forbidden' });
        expect((await get(path, {})).status).toBe(401);
        expect((await get(path, bearer('bad'))).status).toBe(401);
      },
    );

    it.each(paths)('nothing of the app has run when a request is denied: %s', async (_way, path) => {
      const free = await login();
      ran = [];
      for (const one of ['', '/stream']) expect((await get(path + one, free.headers)).status).toBe(403);
      expect((await upload(`${path}/store`, free.headers)).status).toBe(403);
      if (adapter === 'express') expect((await upload(`${path}/upload`, free.headers)).status).toBe(403);
      expect(ran).toEqual([]);
      expect(readdirSync(UPLOADS)).toEqual([]);
    });

    it('a file is stored for those who may', async () => {
      const premium = await login({ plan: 'premium' });
      expect((await upload('/premium-0/store', premium.headers)).status).toBe(201);
      if (adapter === 'express') expect((await upload('/premium-0/upload', premium.headers)).status).toBe(201);
      const stored = readdirSync(UPLOADS);
      expect(stored).toHaveLength(adapter === 'express' ? 2 : 1);
      for (const name of stored) rmSync(join(UPLOADS, name));
    });

    it('a requirement that nobody authenticates for is a 401 before any interceptor', async () => {
      ran = [];
      expect(verdict(await upload('/net/unguarded', {}))).toEqual(NOTHING_PRESENTED);
      expect([ran, readdirSync(UPLOADS)]).toEqual([[], []]);
    });

    it.each([...paths.map(([, path]) => path), '/net', '/net/fresh', '/asked'])(
      'R43: a denied request slides nothing: %s',
      async (path) => {
        vi.useFakeTimers({ toFake: ['Date'], now: NOW });
        const { headers, token } = await login();
        vi.setSystemTime(NOW + 10 * MINUTE);
        ran = [];
        expect([401, 403]).toContain((await get(path, headers)).status);
        expect(await slidAt(token.id)).toBe(NOW);
        expect(ran).not.toContain('handler');
      },
    );

    it('a predicate is asked once, however many guards and interceptors look', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: NOW });
      const [free, premium] = [await login(), await login({ plan: 'premium' })];
      vi.setSystemTime(NOW + 10 * MINUTE);
      asked = 0;
      expect((await get('/asked', premium.headers)).status).toBe(200);
      expect([asked, await slidAt(premium.token.id)]).toEqual([1, NOW + 10 * MINUTE]);
      ran = [];
      expect((await get('/asked', free.headers)).status).toBe(403);
      // Nor did the guard run that stands after the one that denied.
      expect([asked, ran]).toEqual([2, []]);
    });
  });

  it('a cache of the whole app gives nobody what a premium session was answered', async () => {
    await start({ providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }] });
    try {
      const [free, premium] = [await login(), await login({ plan: 'premium' })];
      for (const path of ['/premium-0', '/premium-1', '/premium-2', '/premium-3', '/plain/class']) {
        expect((await get(path, premium.headers)).status).toBe(200);
        expect([(await get(path, free.headers)).status, (await get(path, {})).status]).toEqual([403, 401]);
      }
    } finally {
      await t.close();
    }
  });
});
