import { Inject, Injectable, Module, type ModuleMetadata, Scope } from '@nestjs/common';
import { NestFactory, REQUEST } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  AuthentifyConfigurationError,
  type AuthentifyExtras,
  AuthentifyModule,
  type AuthentifyOptions,
  authTokenEntity,
} from 'nestjs-authentify';
import type { DataSourceOptions } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { User } from '../support/users.js';

@Injectable({ scope: Scope.REQUEST })
class Tenant {}

@Injectable()
class Audit {}

/** What a hook of any kind does. */
class Handler {
  handle<T>(input: T): T {
    return input;
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedHook extends Handler {}

@Injectable({ scope: Scope.TRANSIENT })
class TransientHook extends Handler {}

@Injectable()
class HookOfTenant extends Handler {
  constructor(@Inject(Tenant) readonly tenant: Tenant) {
    super();
  }
}

@Injectable()
class HookOfRequest extends Handler {
  constructor(@Inject(REQUEST) readonly request: unknown) {
    super();
  }
}

@Injectable()
class HookWithAudit extends Handler {
  constructor(@Inject(Audit) readonly audit: Audit) {
    super();
  }
}

type Given = AuthentifyOptions<User> & AuthentifyExtras;

const database = (options: object = {}) =>
  TypeOrmModule.forRoot({
    type: 'sqljs',
    entities: [User, authTokenEntity(() => User)],
    retryAttempts: 0,
    ...options,
  } as DataSourceOptions);
const authentify = (options: Given = {}) => AuthentifyModule.forRoot<User>({ ...options, userEntity: User });
const fromFactory = (options: object) =>
  AuthentifyModule.forRootAsync({ userEntity: User, useFactory: () => options as AuthentifyOptions<User> });

/** Starts an app of this module. */
async function boot(metadata: () => ModuleMetadata): Promise<void> {
  class App {}
  Module(metadata())(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  await app.close();
}

const WRONG: [string, () => ModuleMetadata, RegExp][] = [
  [
    'the module without forRoot',
    () => ({ imports: [database(), AuthentifyModule] }),
    /AuthentifyModule has no options: import AuthentifyModule\.forRoot/,
  ],
  [
    'forRootAsync without a source of options',
    () => ({ imports: [database(), AuthentifyModule.forRootAsync({ userEntity: User })] }),
    /forRootAsync needs one of useFactory, useClass, useExisting/,
  ],
  ...(['userEntity', 'tokenEntity', 'dataSource', 'isGlobal', 'guardAllRoutes', 'autoRefresh', 'name'] as const).map(
    (extra): [string, () => ModuleMetadata, RegExp] => [
      `${extra} returned by the factory`,
      () => ({ imports: [database(), fromFactory({ [extra]: undefined })] }),
      new RegExp(`${extra} is needed before the factory runs; write it beside useFactory`),
    ],
  ),
  [
    'sessionRoutes returned by the factory',
    () => ({ imports: [database(), fromFactory({ sessionRoutes: { path: 'auth' } })] }),
    /sessionRoutes is needed before the factory runs/,
  ],
  [
    'a data source that is a number',
    () => ({ imports: [database(), authentify({ dataSource: 7 as never })] }),
    /dataSource must be the name of a TypeORM data source/,
  ],
  [
    'manualInitialization',
    () => ({ imports: [database({ manualInitialization: true }), authentify()] }),
    /dataSource is not initialized when the app starts; leave manualInitialization out/,
  ],
  ...(['postAuthHandler', 'postAutoRefreshHandler'] as const).flatMap(
    (option): [string, () => ModuleMetadata, RegExp][] => [
      [
        `a request-scoped class as ${option}`,
        () => ({ imports: [database(), authentify({ [option]: ScopedHook })] }),
        new RegExp(`${option} \\(ScopedHook\\) is request-scoped.+take what belongs to a request from the "request"`),
      ],
      [
        `a request-scoped provider as ${option}`,
        () => ({ imports: [database(), authentify({ [option]: ScopedHook })], providers: [ScopedHook] }),
        new RegExp(`${option} \\(ScopedHook\\) is request-scoped`),
      ],
      [
        `a provider that injects a request-scoped one as ${option}`,
        () => ({ imports: [database(), authentify({ [option]: HookOfTenant })], providers: [HookOfTenant, Tenant] }),
        new RegExp(`${option} \\(HookOfTenant\\) is request-scoped, or something it injects is`),
      ],
    ],
  ),
  [
    'a hook class that injects the request',
    () => ({ imports: [database(), authentify({ postAuthHandler: HookOfRequest })] }),
    /postAuthHandler \(HookOfRequest\) could not be made; .+ request-scoped/,
  ],
  [
    'a hook class that injects what nobody provides',
    () => ({ imports: [database(), authentify({ postAuthHandler: HookWithAudit })] }),
    /postAuthHandler \(HookWithAudit\) could not be made; list it in the providers of a module .+ Audit/,
  ],
];

// No database decides about a set-up, so the embedded one serves.
describe('R77: a set-up that cannot work', () => {
  it.each(WRONG)('stops the boot and names the remedy: %s', async (_, metadata, message) => {
    const error = await boot(metadata).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AuthentifyConfigurationError);
    expect((error as Error).message).toMatch(message);
  });

  it('is none where a hook class is transient, or a provider with what it injects', async () => {
    await boot(() => ({ imports: [database({ synchronize: true }), authentify({ postAuthHandler: TransientHook })] }));
    await boot(() => ({
      imports: [
        database({ synchronize: true }),
        authentify({ postAuthHandler: TransientHook, postAutoRefreshHandler: HookWithAudit }),
      ],
      providers: [TransientHook, HookWithAudit, Audit],
    }));
  });
});
