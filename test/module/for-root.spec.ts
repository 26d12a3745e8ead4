import { type DynamicModule, Inject, Injectable, type LoggerService, Module, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import {
  AbstractAuthToken,
  AuthentifyConfigurationError,
  AuthentifyEvents,
  AuthentifyModule,
  type AuthentifyAsyncOptions,
  type AuthentifyExtras,
  type AuthentifyOptions,
  type AuthentifyOptionsFactory,
  authTokenEntity,
  HeaderAuthGuard,
  TokenCookies,
  TokenOwner,
  TokenRepository,
  TokenService,
} from 'nestjs-authentify';
import { DataSource, type DataSourceOptions, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AUTHENTIFY_OPTIONS } from '../../lib/constants.js';
import type { ResolvedOptions } from '../../lib/options/resolved-options.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { User } from '../support/users.js';

type Options = AuthentifyOptions<User, AbstractAuthToken<User>>;
type OptionsFactory = AuthentifyOptionsFactory<User, AbstractAuthToken<User>>;

const MINUTE = 60_000;
const SECRET = 'a-key-of-the-app-'.repeat(3);
const Token = authTokenEntity(() => User);

@Entity('own_tokens')
class OwnToken extends AbstractAuthToken<User> {
  @TokenOwner(() => User)
  user!: User;
}

@Entity('ownerless_tokens')
class OwnerlessToken extends AbstractAuthToken<User> {
  user!: User;
}

@Entity('pairs')
class UserOfTwoKeys {
  @PrimaryColumn({ type: 'int' })
  tenant!: number;

  @PrimaryColumn({ type: 'int' })
  number!: number;
}

@Entity('strangers')
class Stranger {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;
}

/** Where an app keeps what its factories need. */
@Injectable()
class Settings {
  readonly tokenTtl = '10m';
}
@Module({ providers: [Settings], exports: [Settings] })
class SettingsModule {}

@Injectable()
class OptionsMaker implements OptionsFactory {
  constructor(@Inject(Settings) private readonly settings: Settings) {}

  createAuthentifyOptions(): Options {
    return { tokenTtl: this.settings.tokenTtl };
  }
}
@Module({ imports: [SettingsModule], providers: [OptionsMaker], exports: [OptionsMaker] })
class OptionsModule {}

@Injectable()
class Feature {
  constructor(readonly tokens: TokenService) {}
}
@Module({ providers: [Feature] })
class FeatureModule {}

describe('the module', () => {
  let databases: TestDatabase[];
  let running: TestingModule[];
  let connections: Promise<DataSource>[];

  beforeEach(() => {
    databases = [];
    running = [];
    connections = [];
  });
  afterEach(async () => {
    for (const module of running) await module.close();
    // An application that does not boot leaves its connection behind.
    for (const connection of await Promise.allSettled(connections)) {
      if (connection.status === 'fulfilled' && connection.value.isInitialized) await connection.value.destroy();
    }
    for (const database of databases) await database.drop();
  });

  interface Surroundings {
    entities?: Type<unknown>[];
    imports?: (DynamicModule | Type<unknown>)[];
    name?: string;
    synchronize?: boolean;
    logger?: LoggerService;
  }

  /** A TypeORM module with a database of its own, closed after the test. */
  async function database({ entities = [User, Token], name, synchronize = true }: Surroundings) {
    const place = await createDatabase();
    databases.push(place);
    return TypeOrmModule.forRootAsync({
      ...(name !== undefined && { name }),
      useFactory: () => ({ ...place.options, name, entities, synchronize, retryAttempts: 0 }),
      dataSourceFactory: (options) => {
        const connection = new DataSource(options as DataSourceOptions).initialize();
        connections.push(connection);
        return connection;
      },
    });
  }

  /** Boots an application of this module and what it needs around it. */
  async function boot(module: DynamicModule | Type<unknown>, surroundings: Surroundings = {}): Promise<TestingModule> {
    const builder = Test.createTestingModule({
      imports: [await database(surroundings), module, ...(surroundings.imports ?? [])],
    });
    if (surroundings.logger) builder.setLogger(surroundings.logger);
    const testing = await builder.compile();
    running.push(testing);
    await testing.init();
    return testing;
  }

  /** What a boot that must not succeed ends with. */
  async function failureOf(start: () => unknown): Promise<AuthentifyConfigurationError> {
    try {
      await start();
    } catch (error) {
      expect(error).toBeInstanceOf(AuthentifyConfigurationError);
      return error as AuthentifyConfigurationError;
    }
    throw new Error('The application booted');
  }

  const optionsOf = (app: TestingModule): ResolvedOptions => app.get(AUTHENTIFY_OPTIONS, { strict: false });

  /** Whether one can log in here, and be recognised. */
  async function expectLogin(app: TestingModule, dataSource: DataSource = app.get(DataSource)): Promise<void> {
    const user = await dataSource.getRepository(User).save({ email: 'ann@example.com' });
    const tokens = app.get<TokenService>(TokenService, { strict: false });
    const { accessToken } = await tokens.generateHeaderToken(user);
    expect(await tokens.verifyToken(accessToken, 'header')).toMatchObject({ userId: user.id });
  }

  describe('with forRoot', () => {
    it('boots with a user entity alone, and a user can log in', async () => {
      const app = await boot(AuthentifyModule.forRoot({ userEntity: User }));
      await expectLogin(app);
      expect(optionsOf(app)).toMatchObject({ tokenTtl: 24 * 60 * MINUTE, sessionMaxTtl: null });
    });

    it('boots with a token entity of the app, and a user can log in', async () => {
      const app = await boot(AuthentifyModule.forRoot({ tokenEntity: OwnToken, tokenTtl: '5m' }), {
        entities: [User, OwnToken],
      });
      await expectLogin(app);
      expect(await app.get(DataSource).getRepository(OwnToken).count()).toBe(1);
    });

    it('keeps the extras out of the options, which are frozen', async () => {
      const app = await boot(AuthentifyModule.forRoot({ userEntity: User, isGlobal: true, tokenTtl: '5m' }));
      const options = optionsOf(app);
      expect(options.tokenTtl).toBe(5 * MINUTE);
      for (const extra of ['userEntity', 'tokenEntity', 'dataSource', 'isGlobal', 'guardAllRoutes', 'autoRefresh']) {
        expect(options).not.toHaveProperty(extra);
      }
      expect(Object.isFrozen(options) && Object.isFrozen(options.cookie)).toBe(true);
      expect(() => Object.assign(options, { tokenTtl: 1 })).toThrow(TypeError);
    });

    it('takes extras written as undefined for their defaults', async () => {
      const extras = {
        isGlobal: undefined,
        guardAllRoutes: undefined,
        autoRefresh: undefined,
        dataSource: undefined,
        tokenEntity: undefined,
      };
      const app = await boot(AuthentifyModule.forRoot({ userEntity: User, ...extras }), { imports: [FeatureModule] });
      expect(app.get(Feature, { strict: false }).tokens).toBeInstanceOf(TokenService);
    });

    it('gives apps what they inject: service, repository, events, cookies, guards', async () => {
      const app = await boot(AuthentifyModule.forRoot({ userEntity: User }));
      for (const provider of [TokenService, TokenRepository, AuthentifyEvents, TokenCookies]) {
        expect(app.get(provider)).toBeInstanceOf(provider);
      }
      expect(await app.get(ModuleRef).create(HeaderAuthGuard)).toBeInstanceOf(HeaderAuthGuard);
    });

    it.each<[string, Options]>([
      ['tokenTtl', { tokenTtl: 0 }],
      ['refreshTokenTtl', { tokenTtl: '2h', refreshTokenTtl: '1h' }],
      ['secureHashAlgorithm', { secureHashAlgorithm: 'md5' as never }],
      ['hashSecrets', { hashSecrets: ['hunter2'] }],
      ['tokenTTL', { tokenTTL: '1h' } as never],
    ])('R67: does not boot with a wrong %s', async (option, options) => {
      const error = await failureOf(() => boot(AuthentifyModule.forRoot({ userEntity: User, ...options })));
      expect(error.option).toBe(option);
      expect(error.message).toContain(option);
      expect(error.message).not.toContain('hunter2');
    });

    it.each(['isGlobal', 'guardAllRoutes', 'autoRefresh'])(
      'R67: refuses an extra %s that is neither true nor false',
      async (name) => {
        for (const value of ['true', 'false', 1, 0, {}]) {
          const error = await failureOf(() => AuthentifyModule.forRoot({ userEntity: User, [name]: value }));
          expect(error.option).toBe(name);
        }
      },
    );

    it('R67: checks what autoRefresh needs', async () => {
      const start = (options: Options) => () =>
        boot(AuthentifyModule.forRoot({ userEntity: User, autoRefresh: true, ...options }));
      expect((await failureOf(start({}))).option).toBe('autoRefreshInterval');
      expect((await failureOf(start({ autoRefreshInterval: 60 }))).option).toBe('autoRefreshMaxTtl');
      await expect(start({ autoRefreshInterval: 60, autoRefreshMaxTtl: '30d' })()).resolves.toBeDefined();
    });

    it('R67: lets two applications in one process have options of their own', async () => {
      const one = await boot(AuthentifyModule.forRoot({ userEntity: User, tokenPrefix: 'one' }));
      const two = await boot(AuthentifyModule.forRoot({ userEntity: User, tokenPrefix: 'two' }));
      await expectLogin(one);
      await expectLogin(two);
      const user = 1;
      expect((await one.get(TokenService).generateHeaderToken(user)).accessToken).toMatch(/^one_/);
      expect((await two.get(TokenService).generateHeaderToken(user)).accessToken).toMatch(/^two_/);
    });
  });

  describe('with forRootAsync', () => {
    type Async = AuthentifyAsyncOptions<User, AbstractAuthToken<User>>;
    const forms: [string, Async, (DynamicModule | Type<unknown>)[]][] = [
      ['useFactory', { useFactory: () => ({ tokenTtl: '10m' }) }, []],
      [
        'useFactory with inject and imports',
        {
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: (settings: Settings) => ({ tokenTtl: settings.tokenTtl }),
        },
        [],
      ],
      [
        'an async factory',
        {
          imports: [SettingsModule],
          inject: [Settings],
          useFactory: async (settings: Settings) => {
            await new Promise((resolve) => setImmediate(resolve));
            return { tokenTtl: settings.tokenTtl };
          },
        },
        [],
      ],
      ['useClass', { imports: [SettingsModule], useClass: OptionsMaker }, []],
      ['useExisting', { imports: [OptionsModule], useExisting: OptionsMaker }, [OptionsModule]],
    ];

    it.each(forms)('takes options from %s, and a user can log in', async (_, async, imports) => {
      const app = await boot(AuthentifyModule.forRootAsync({ userEntity: User, ...async }), { imports });
      expect(optionsOf(app)).toMatchObject({ tokenTtl: 10 * MINUTE, refreshTokenTtl: 7 * 24 * 60 * MINUTE });
      expect(Object.isFrozen(optionsOf(app))).toBe(true);
      await expectLogin(app);
    });

    it('uses the very instance that useExisting names, and makes one for useClass', async () => {
      const made: object[] = [];
      @Injectable()
      class Counting implements OptionsFactory {
        constructor() {
          made.push(this);
        }
        createAuthentifyOptions(): Options {
          return { tokenTtl: '10m' };
        }
      }
      @Module({ providers: [Counting], exports: [Counting] })
      class CountingModule {}
      await boot(AuthentifyModule.forRootAsync({ userEntity: User, imports: [CountingModule], useExisting: Counting }));
      expect(made).toHaveLength(1);
      await boot(AuthentifyModule.forRootAsync({ userEntity: User, useClass: Counting }));
      expect(made).toHaveLength(2);
    });

    it('takes a class whose factory method is async', async () => {
      @Injectable()
      class Slow implements OptionsFactory {
        async createAuthentifyOptions(): Promise<Options> {
          await new Promise((resolve) => setImmediate(resolve));
          return { tokenTtl: '10m' };
        }
      }
      const app = await boot(AuthentifyModule.forRootAsync({ userEntity: User, useClass: Slow }));
      expect(optionsOf(app).tokenTtl).toBe(10 * MINUTE);
    });

    it('takes a token entity of the app beside the factory', async () => {
      const app = await boot(
        AuthentifyModule.forRootAsync({ tokenEntity: OwnToken, useFactory: () => ({ tokenTtl: '10m' }) }),
        { entities: [User, OwnToken] },
      );
      await expectLogin(app);
    });

    it.each<[string, unknown]>([
      ['tokenTtl', { tokenTtl: 'soon' }],
      ['refreshTokenTtl', { tokenTtl: '7d' }],
      ['cookie', { cookie: { secure: 'yes' } }],
      ['tokenTTL', { tokenTTL: '1h' }],
      ['userEntity', { userEntity: User }],
      ['autoRefresh', { autoRefresh: true }],
      ['options', null],
      ['options', undefined],
      ['options', 'tokenTtl=1h'],
    ])('R67: does not boot when the factory returns a wrong %s: %o', async (option, options) => {
      for (const useFactory of [() => options, () => Promise.resolve(options)]) {
        const error = await failureOf(() =>
          boot(AuthentifyModule.forRootAsync({ userEntity: User, useFactory: useFactory as never })),
        );
        expect(error.option).toBe(option);
        expect(error.message).toContain(option);
      }
    });

    it('R67: tells no secret when the factory returns a wrong option beside one', async () => {
      const error = await failureOf(() =>
        boot(
          AuthentifyModule.forRootAsync({
            userEntity: User,
            useFactory: () => ({ hashSecrets: [SECRET, 'hunter2'], tokenTtl: '1h' }),
          }),
        ),
      );
      expect(error.option).toBe('hashSecrets');
      expect(`${error.message} ${error.stack}`).not.toMatch(/a-key-of-the-app|hunter2/);
    });

    it.each(['tokenTtl', 'hashSecrets', 'tokenTTL', 'usefactory'])(
      'R67: refuses %s beside the factory and says where it belongs',
      async (name) => {
        const error = await failureOf(() =>
          AuthentifyModule.forRootAsync({ userEntity: User, useFactory: () => ({}), [name]: SECRET }),
        );
        expect(error.option).toBe(name);
        expect(error.message).toMatch(/factory/);
        expect(error.message).not.toContain('a-key-of-the-app');
      },
    );

    it('lets an error of the factory through as it is', async () => {
      const useFactory = (): Options => {
        throw new RangeError('no settings');
      };
      await expect(boot(AuthentifyModule.forRootAsync({ userEntity: User, useFactory }))).rejects.toThrow(
        'no settings',
      );
    });

    it('R67: checks what autoRefresh, beside the factory, needs of the options', async () => {
      const start = (options: Options) => () =>
        boot(AuthentifyModule.forRootAsync({ userEntity: User, autoRefresh: true, useFactory: () => options }));
      expect((await failureOf(start({}))).option).toBe('autoRefreshInterval');
      await expect(start({ autoRefreshInterval: 60, autoRefreshMaxTtl: '30d' })()).resolves.toBeDefined();
    });
  });

  describe('as a global module, or not', () => {
    const both: [string, (extras: AuthentifyExtras) => DynamicModule][] = [
      ['forRoot', (extras) => AuthentifyModule.forRoot({ userEntity: User, ...extras })],
      [
        'forRootAsync',
        (extras) => AuthentifyModule.forRootAsync({ userEntity: User, ...extras, useFactory: () => ({}) }),
      ],
    ];

    it.each(both)('is there for every module by default (%s)', async (_, module) => {
      const app = await boot(module({}), { imports: [FeatureModule] });
      expect(app.get(Feature, { strict: false }).tokens).toBeInstanceOf(TokenService);
    });

    it.each(both)('with isGlobal: false is missing where it is not imported (%s)', async (_, module) => {
      await expect(boot(module({ isGlobal: false }), { imports: [FeatureModule] })).rejects.toThrow(/TokenService/);
    });

    it.each(both)('with isGlobal: false is there where it is imported (%s)', async (_, module) => {
      @Module({ imports: [module({ isGlobal: false })], providers: [Feature] })
      class Importing {}
      const app = await boot(Importing);
      expect(app.get(Feature, { strict: false }).tokens).toBeInstanceOf(TokenService);
    });
  });

  describe('with a named data source', () => {
    it('keeps its sessions there and needs no default one', async () => {
      const app = await boot(AuthentifyModule.forRoot({ userEntity: User, dataSource: 'sessions' }), {
        name: 'sessions',
      });
      const dataSource = app.get<DataSource>(getDataSourceToken('sessions'));
      await expectLogin(app, dataSource);
      expect(await dataSource.getRepository(Token).count()).toBe(1);
    });

    it('leaves the default one alone', async () => {
      const other = await database({ entities: [Stranger] });
      const app = await boot(
        AuthentifyModule.forRootAsync({ userEntity: User, dataSource: 'sessions', useFactory: () => ({}) }),
        { name: 'sessions', imports: [other] },
      );
      await expectLogin(app, app.get(getDataSourceToken('sessions')));
      expect(app.get(DataSource).hasMetadata(Token)).toBe(false);
    });
  });

  describe('R67: with the wrong entity', () => {
    const start = (extras: object) => () => AuthentifyModule.forRoot({ tokenTtl: '1h', ...extras } as never);

    it('refuses both userEntity and tokenEntity', async () => {
      const error = await failureOf(start({ userEntity: User, tokenEntity: OwnToken }));
      expect(error.option).toBe('tokenEntity');
      expect(error.message).toMatch(/userEntity/);
    });

    it('refuses neither, in both forms', async () => {
      for (const module of [
        start({}),
        start({ userEntity: undefined, tokenEntity: undefined }),
        () => AuthentifyModule.forRootAsync({ useFactory: () => ({}) } as never),
      ]) {
        const error = await failureOf(module);
        expect(error.option).toBe('userEntity');
        expect(error.message).toMatch(/tokenEntity/);
      }
    });

    it.each([
      ['another entity', User],
      ['the abstract class itself', AbstractAuthToken],
      ['a name', 'AuthToken'],
      ['an instance', new OwnToken()],
      ['an arrow function', () => OwnToken],
    ])('refuses %s as tokenEntity', async (_, tokenEntity) => {
      const error = await failureOf(start({ tokenEntity }));
      expect(error.option).toBe('tokenEntity');
      expect(error.message).toMatch(/AbstractAuthToken/);
    });

    it.each([
      ['a name', 'User'],
      ['an object', { id: 1 }],
    ])('refuses %s as userEntity', async (_, userEntity) => {
      expect((await failureOf(start({ userEntity }))).option).toBe('userEntity');
    });

    it('does not boot when the default token entity is not registered, and says how to', async () => {
      const error = await failureOf(() => boot(AuthentifyModule.forRoot({ userEntity: User }), { entities: [User] }));
      expect(error.option).toBe('tokenEntity');
      expect(error.message).toMatch(/entities/);
      expect(error.message).toMatch(/authTokenEntity\(\(\) => User\)/);
      expect(error.message).toMatch(/autoLoadEntities/);
    });

    it("does not boot when the app's token entity is not registered, and names it", async () => {
      const error = await failureOf(() =>
        boot(AuthentifyModule.forRoot({ tokenEntity: OwnToken }), { entities: [User, Token] }),
      );
      expect(error.option).toBe('tokenEntity');
      expect(error.message).toMatch(/OwnToken/);
    });

    it('does not boot when the entity is registered in another data source only', async () => {
      const other = await database({ name: 'other', entities: [User, Token] });
      const error = await failureOf(() =>
        boot(AuthentifyModule.forRoot({ userEntity: User }), { entities: [User], imports: [other] }),
      );
      expect(error.option).toBe('tokenEntity');
    });

    it('does not boot with a token entity without @TokenOwner, and says so', async () => {
      const error = await failureOf(() =>
        boot(AuthentifyModule.forRoot({ tokenEntity: OwnerlessToken }), { entities: [User, OwnerlessToken] }),
      );
      expect(error.option).toBe('tokenEntity');
      expect(error.message).toMatch(/OwnerlessToken.*@TokenOwner/);
    });

    it('does not boot with a user of two primary keys', async () => {
      const entities = [UserOfTwoKeys, authTokenEntity(() => UserOfTwoKeys)];
      const error = await failureOf(() =>
        boot(AuthentifyModule.forRoot({ userEntity: UserOfTwoKeys }), { entities, synchronize: false }),
      );
      expect(error.option).toBe('tokenEntity');
      expect(error.message).toMatch(/composite/);
    });

    it('refuses @TokenOwner on another property than user, where the class is defined', async () => {
      const error = await failureOf(() => {
        class Misplaced extends AbstractAuthToken<User> {
          user!: User;

          @TokenOwner(() => User)
          owner!: User;
        }
        return Misplaced;
      });
      expect(error.option).toBe('@TokenOwner');
      expect(error.message).toMatch(/"user".*"owner"/);
    });
  });

  describe('R26: with sessions that never end by themselves', () => {
    function recorder() {
      const warnings: string[] = [];
      const logger: LoggerService = {
        log() {},
        error() {},
        warn: (message: string) => warnings.push(message),
      };
      return { logger, aboutEnd: () => warnings.filter((text) => /never expire/.test(text)) };
    }

    it('warns once while booting and names the remedy', async () => {
      const { logger, aboutEnd } = recorder();
      await boot(AuthentifyModule.forRoot({ userEntity: User, tokenTtl: null }), { logger });
      expect(aboutEnd()).toHaveLength(1);
      expect(aboutEnd()[0]).toMatch(/tokenTtl.*sessionMaxTtl/);
    });

    it.each<[string, Options]>([
      ['where access tokens expire', {}],
      ['where sessions have an absolute end', { tokenTtl: null, sessionMaxTtl: '30d' }],
      ['where sliding gives them one', { tokenTtl: null, autoRefreshMaxTtl: '30d' }],
    ])('does not warn %s', async (_, options) => {
      const { logger, aboutEnd } = recorder();
      await boot(AuthentifyModule.forRoot({ userEntity: User, ...options }), { logger });
      expect(aboutEnd()).toEqual([]);
    });
  });
});
