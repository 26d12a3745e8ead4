import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { INestApplication, LoggerService, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  type AbstractAuthToken,
  AuthentifyModule,
  type AuthentifyExtras,
  type AuthentifyOptions,
  authTokenEntity,
  providerFor,
  TokenService,
} from 'nestjs-authentify';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { createDatabase, DATABASE, StatementLog } from './database.js';
import { User } from './users.js';

export type Adapter = 'express' | 'fastify';

const ADAPTERS_ON: Record<string, readonly Adapter[]> = { postgres: ['express'], mariadb: ['fastify'] };

/** Both on the embedded database; one on each server, as no adapter changes what a server decides. */
export const ADAPTERS: readonly Adapter[] = ADAPTERS_ON[DATABASE] ?? ['express', 'fastify'];

export interface Setup<TToken extends AbstractAuthToken<User> = AbstractAuthToken<User>> extends Pick<
  ModuleMetadata,
  'controllers' | 'providers' | 'imports'
> {
  options?: AuthentifyOptions<User, TToken>;
  extras?: AuthentifyExtras;
  tokenEntity?: Type<TToken>;
  entities?: Type<unknown>[];
  adapter?: Adapter;
  /** Hears what is logged while booting. */
  logger?: LoggerService;
  /** Options of the data source beside its own, or made of its own. */
  dataSource?: Partial<DataSourceOptions> | ((own: DataSourceOptions) => Partial<DataSourceOptions>);
  /** Serves TLS with this key and certificate. */
  https?: { key: string; cert: string };
  /** Speaks HTTP/2, which Fastify can. */
  http2?: boolean;
  /** `false` leaves bodies unparsed, as apps do whose libraries read them themselves. */
  bodyParser?: false;
  /** Another app whose data source this one uses too: a second node, with options of its own. */
  beside?: Pick<TestApp<TToken>, 'dataSource'>;
  /** What `main.ts` would do before the app listens. */
  configure?(app: INestApplication): void;
}

/** A running app with a database of its own. */
export interface TestApp<TToken extends AbstractAuthToken<User> = AbstractAuthToken<User>> {
  app: INestApplication;
  url: string;
  tokens: TokenService<TToken>;
  dataSource: DataSource;
  statements: StatementLog;
  tokenEntity: Type<TToken>;
  createUser(properties?: Partial<User>): Promise<User>;
  /** All rows, with the columns that are not selected by default. */
  rows(): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

export async function startApp<TToken extends AbstractAuthToken<User> = AbstractAuthToken<User>>(
  setup: Setup<TToken> = {},
): Promise<TestApp<TToken>> {
  const { beside } = setup;
  const database = beside ? { options: beside.dataSource.options, drop: async () => {} } : await createDatabase();
  const statements = new StatementLog();
  const tokenEntity = setup.tokenEntity ?? (authTokenEntity(() => User) as Type<TToken>);
  const module = setup.tokenEntity
    ? AuthentifyModule.forRoot<TToken>({
        ...(setup.options as object),
        ...setup.extras,
        tokenEntity: setup.tokenEntity,
      })
    : AuthentifyModule.forRoot<User>({ ...(setup.options as object), ...setup.extras, userEntity: User });
  let app: INestApplication | undefined;
  let connection: Promise<DataSource> | undefined;
  try {
    const builder = Test.createTestingModule({
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({
            ...database.options,
            synchronize: true,
            ...((typeof setup.dataSource === 'function'
              ? setup.dataSource(database.options)
              : setup.dataSource) as object),
            entities: [User, tokenEntity, ...(setup.entities ?? [])],
            retryAttempts: 0,
            logging: true,
            logger: statements,
          }),
          dataSourceFactory: (options) => {
            connection = beside
              ? Promise.resolve(beside.dataSource)
              : new DataSource(options as DataSourceOptions).initialize();
            return connection;
          },
        }),
        module,
        ...(setup.imports ?? []),
      ],
      controllers: setup.controllers ?? [],
      providers: setup.providers ?? [],
    });
    if (setup.logger) builder.setLogger(setup.logger);
    const testing = await builder.compile();
    app =
      setup.adapter === 'fastify'
        ? testing.createNestApplication<NestFastifyApplication>(
            new FastifyAdapter({
              ...(setup.https && { https: setup.https }),
              ...(setup.http2 && { http2: true }),
            } as object),
            { bodyParser: setup.bodyParser },
          )
        : testing.createNestApplication({ httpsOptions: setup.https, bodyParser: setup.bodyParser });
    setup.configure?.(app);
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    // Whatever failed, the connection may only be about to be made.
    await new Promise((resolve) => setImmediate(resolve));
    const dataSource = await Promise.resolve(connection).catch(() => undefined);
    // Nest 11.0.0 throws again what kept the app from starting.
    await app?.close().catch(() => {});
    if (!beside && dataSource?.isInitialized) await dataSource.destroy();
    await database.drop();
    throw error;
  }
  const running = app;
  const dataSource = running.get(DataSource);
  const address = running.getHttpServer().address() as { port: number };
  return {
    app: running,
    url: `${setup.https ? 'https' : 'http'}://127.0.0.1:${address.port}`,
    tokens: running.get<TokenService<TToken>>(providerFor(setup.extras?.name ?? 'default', TokenService)),
    dataSource,
    statements,
    tokenEntity,
    createUser: (properties = {}) =>
      dataSource.getRepository(User).save({ email: `${Math.random()}@example.com`, ...properties }),
    rows: () => dataSource.getRepository(tokenEntity).createQueryBuilder('token').select('token.*').getRawMany(),
    close: async () => {
      await running.close();
      await database.drop();
    },
  };
}
