import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Module,
  Scope,
  type Type,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, ApplicationConfig, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AuthentifyConfigurationError,
  AuthentifyGuard,
  AuthentifyModule,
  authTokenEntity,
  ContextGuard,
  CurrentUser,
  GuardFor,
  HeaderAuthGuard,
  RequireContext,
  RequireFresh,
  TokenService,
} from 'nestjs-authentify';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { type Adapter, ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import { User } from '../support/users.js';
import { bearer, send } from './client.js';

/** Whom each guard of the app saw, as it ran. */
let seen: [guard: string, user: unknown][] = [];

function see(guard: string, context: ExecutionContext): boolean {
  const { user } = context.switchToHttp().getRequest<{ user?: User }>();
  seen.push([guard, typeof user?.id]);
  return user !== undefined;
}

@Injectable()
class RolesGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return see('roles', context);
  }
}

@Injectable({ scope: Scope.REQUEST })
class TenantGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return see('tenant', context);
  }
}

@Module({ providers: [{ provide: APP_GUARD, useClass: RolesGuard }] })
class RolesModule {}

@Module({ providers: [{ provide: APP_GUARD, useClass: TenantGuard }] })
class TenantModule {}

class NamedGuard extends GuardFor('default') {}

/** The recipe of docs/guide/protect-routes.md. */
@Injectable()
class SessionOrApiKeyGuard extends AuthentifyGuard {
  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = this.getRequest(context);
    if (request.headers['x-api-key'] !== 'key') return super.canActivate(context);
    request.user = { id: 0 };
    return true;
  }
}

@Controller('reports')
@UseGuards(SessionOrApiKeyGuard)
class ReportsController {
  @Get()
  list(@CurrentUser('id') id: number): object {
    return { service: id === 0 };
  }

  @Get('premium')
  @RequireContext({ plan: 'premium' })
  premium(): object {
    return {};
  }
}

@Controller()
class RoutesController {
  @Get('bare')
  bare(): object {
    return {};
  }

  @Get('premium')
  @RequireContext({ plan: 'premium' })
  @RequireFresh('1h')
  premium(): object {
    return {};
  }
}

const premium = async (t: TestApp): Promise<Record<string, string>> =>
  bearer((await t.tokens.generateHeaderToken(await t.createUser(), { context: { plan: 'premium' } })).accessToken);

describe.each(ADAPTERS)('R69: guardAllRoutes among other global guards on %s', (adapter) => {
  let t: TestApp;
  afterEach(() => t.close());

  const start = async (setup: Setup): Promise<void> => {
    seen = [];
    t = await startApp({ adapter, controllers: [RoutesController], extras: { guardAllRoutes: true }, ...setup });
    t.app.useLogger(false);
  };

  it.each([
    ['the root module provides', { providers: [{ provide: APP_GUARD, useClass: RolesGuard }] }, ['roles']],
    ['a module imported later provides', { imports: [RolesModule] }, ['roles']],
    ['is request-scoped', { imports: [TenantModule] }, ['tenant']],
    ['main.ts registers', { configure: (app) => app.useGlobalGuards(new RolesGuard()) }, ['roles']],
    [
      'comes in all these ways',
      {
        imports: [TenantModule, RolesModule],
        providers: [{ provide: APP_GUARD, useClass: RolesGuard }],
        configure: (app) => app.useGlobalGuards(new RolesGuard()),
      },
      ['roles', 'roles', 'roles', 'tenant'],
    ],
  ] as [string, Setup, string[]][])('a guard sees the user that %s', async (_, setup, guards) => {
    await start(setup);
    expect((await send(`${t.url}/bare`, { headers: await premium(t) })).status).toBe(200);
    expect(seen).toEqual(guards.map((guard) => [guard, 'number']));
    seen = [];
    expect((await send(`${t.url}/bare`)).status).toBe(401);
    expect((await send(`${t.url}/premium`, { headers: bearer('bad') })).status).toBe(401);
    expect(seen).toEqual([]);
  });
});

describe.each(ADAPTERS)('a session or an API key on %s', (adapter) => {
  it('lets a route be guarded by a guard that extends ours, also with guardAllRoutes', async () => {
    const controllers = [RoutesController, ReportsController];
    const t = await startApp({ adapter, controllers, extras: { guardAllRoutes: true } });
    try {
      const session = await premium(t);
      const key = { 'X-Api-Key': 'key' };
      const get = (path: string, headers: Record<string, string> = {}) => send(t.url + path, { headers });
      expect((await get('/reports', key)).json).toEqual({ service: true });
      expect((await get('/reports', session)).json).toEqual({ service: false });
      for (const headers of [{}, { 'X-Api-Key': 'other' }, bearer('bad')] as Record<string, string>[]) {
        expect((await get('/reports', headers)).status).toBe(401);
      }
      expect((await get('/reports/premium', session)).status).toBe(200);
      expect((await get('/reports/premium', key)).status).toBe(401);
      expect((await get('/bare', key)).status).toBe(401);
    } finally {
      await t.close();
    }
  });
});

describe.each(ADAPTERS)('R69: an app that NestFactory makes, on %s', (adapter: Adapter) => {
  it.each(['first', 'last'])('authenticates before its roles guard, imported %s', async (position) => {
    seen = [];
    const database = await createDatabase();
    const entities = [User, authTokenEntity(() => User)];
    const orm = TypeOrmModule.forRoot({ ...database.options, synchronize: true, entities, retryAttempts: 0 });
    const auth = AuthentifyModule.forRoot({ userEntity: User, guardAllRoutes: true });
    @Module({
      imports: position === 'first' ? [auth, RolesModule, orm] : [orm, RolesModule, auth],
      controllers: [RoutesController],
      providers: [{ provide: APP_GUARD, useClass: RolesGuard }],
    })
    class AppModule {}
    const app =
      adapter === 'fastify'
        ? await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false })
        : await NestFactory.create(AppModule, { logger: false });
    try {
      await app.listen(0, '127.0.0.1');
      const { port } = app.getHttpServer().address() as { port: number };
      const user = await app.get(DataSource).getRepository(User).save({ email: 'ada@example.com' });
      const { accessToken } = await app.get(TokenService).generateHeaderToken(user);
      const answer = await send(`http://127.0.0.1:${port}/bare`, { headers: bearer(accessToken) });
      expect([answer.status, seen]).toEqual([
        200,
        [
          ['roles', 'number'],
          ['roles', 'number'],
        ],
      ]);
    } finally {
      await app.close();
      await database.drop();
    }
  });
});

describe('guardAllRoutes', () => {
  it('names a guard that gets in before it, while the app is being made', async () => {
    @Injectable()
    class EarlyGuard implements CanActivate {
      constructor(config: ApplicationConfig) {
        config.addGlobalGuard(this);
      }

      canActivate(): boolean {
        return true;
      }
    }
    @Module({ providers: [EarlyGuard] })
    class EarlyModule {}
    const database = await createDatabase();
    const entities = [User, authTokenEntity(() => User)];
    const warnings: string[] = [];
    const testing = await Test.createTestingModule({
      imports: [
        EarlyModule,
        TypeOrmModule.forRoot({ ...database.options, synchronize: true, entities, retryAttempts: 0 }),
        AuthentifyModule.forRoot({ userEntity: User, guardAllRoutes: true }),
      ],
    })
      .setLogger({ log() {}, error() {}, warn: (message: string) => void warnings.push(message) })
      .compile();
    const app = testing.createNestApplication();
    try {
      await app.init();
      expect(warnings.filter((message) => message.includes('guardAllRoutes'))).toEqual([
        expect.stringMatching(/EarlyGuard runs before .* provide it as APP_GUARD/),
      ]);
    } finally {
      await app.close();
      await database.drop();
    }
  });

  it('stops the boot where its options are made for each request', async () => {
    const database = await createDatabase();
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {}
    @Module({ providers: [PerRequest], exports: [PerRequest] })
    class PerRequestModule {}
    const entities = [User, authTokenEntity(() => User)];
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options, synchronize: true, entities, retryAttempts: 0 }),
        AuthentifyModule.forRootAsync({
          userEntity: User,
          guardAllRoutes: true,
          imports: [PerRequestModule],
          inject: [PerRequest],
          useFactory: () => ({}),
        }),
      ],
    }).compile();
    const app = testing.createNestApplication();
    try {
      await expect(app.init()).rejects.toBeInstanceOf(AuthentifyConfigurationError);
    } finally {
      await app.close();
      await database.drop();
    }
  });
});

/** A test that lets everybody in, in a session of its own making where it has one. */
function letIn(auth?: object): CanActivate {
  return {
    canActivate: (context) => {
      Object.assign(context.switchToHttp().getRequest<object>(), { user: { id: 7 }, ...(auth && { auth }) });
      return true;
    },
  };
}

@Controller('guarded')
class GuardedController {
  @Get('header')
  @UseGuards(HeaderAuthGuard)
  header(): object {
    return {};
  }

  @Get('named')
  @UseGuards(NamedGuard)
  named(): object {
    return {};
  }

  @Get('premium')
  @UseGuards(HeaderAuthGuard)
  @RequireContext({ plan: 'premium' })
  premium(): object {
    return {};
  }
}

describe('guards overridden in a testing module', () => {
  let close: () => Promise<void>;
  afterEach(() => close());

  const start = async (
    override: (builder: ReturnType<typeof Test.createTestingModule>) => void,
    { guardAllRoutes = true, withModule = true } = {},
  ): Promise<(path: string) => Promise<number>> => {
    const database = await createDatabase();
    const entities = [User, authTokenEntity(() => User)];
    const builder = Test.createTestingModule({
      imports: withModule
        ? [
            TypeOrmModule.forRoot({ ...database.options, synchronize: true, entities, retryAttempts: 0 }),
            AuthentifyModule.forRoot({ userEntity: User, guardAllRoutes }),
          ]
        : [],
      controllers: [RoutesController, GuardedController],
    });
    override(builder);
    const app = (await builder.compile()).createNestApplication();
    close = async () => {
      await app.close();
      await database.drop();
    };
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    return async (path) => (await send(`http://127.0.0.1:${port}${path}`)).status;
  };

  it.each([
    ['overrideGuard, a value', (b) => b.overrideGuard(AuthentifyGuard).useValue(letIn())],
    ['overrideGuard, a factory', (b) => b.overrideGuard(AuthentifyGuard).useFactory({ factory: () => letIn() })],
    ['overrideProvider, a value', (b) => b.overrideProvider(AuthentifyGuard).useValue(letIn())],
    ['overrideGuard, a class', (b) => b.overrideGuard(AuthentifyGuard).useClass(AllowingGuard)],
    ['overrideProvider, a class', (b) => b.overrideProvider(AuthentifyGuard).useClass(AllowingGuard)],
  ] as [string, (builder: ReturnType<typeof Test.createTestingModule>) => void][])(
    'reach guardAllRoutes: %s',
    async (_, override) => {
      const status = await start(override);
      expect(await status('/bare')).toBe(200);
      expect(await status('/premium')).toBe(401);
      // The guard that a route names is another one.
      expect(await status('/guarded/header')).toBe(401);
    },
  );

  it('may close what was open, too', async () => {
    const status = await start((b) => b.overrideGuard(AuthentifyGuard).useValue({ canActivate: () => false }));
    expect(await status('/bare')).toBe(403);
  });

  it.each([true, false])(
    'requirements go by the session that the test sets (with the module: %s)',
    async (withModule) => {
      const session = { contextObj: { plan: 'premium' }, createdAt: new Date() };
      const status = await start(
        (b) => {
          b.overrideGuard(AuthentifyGuard).useValue(letIn(session));
          b.overrideGuard(HeaderAuthGuard).useValue(letIn(session));
          b.overrideGuard(NamedGuard as Type<CanActivate>).useValue(letIn());
        },
        { withModule, guardAllRoutes: withModule },
      );
      const open = withModule ? ['/bare', '/premium'] : ['/bare'];
      for (const path of [...open, '/guarded/header', '/guarded/named', '/guarded/premium']) {
        expect([path, await status(path)]).toEqual([path, 200]);
      }
    },
  );

  it('requirements open up where a test overrides them', async () => {
    const status = await start((b) => {
      b.overrideGuard(HeaderAuthGuard).useValue(letIn());
      b.overrideGuard(ContextGuard).useValue({ canActivate: () => true });
    });
    expect(await status('/guarded/premium')).toBe(200);
  });
});

@Injectable()
class AllowingGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}
