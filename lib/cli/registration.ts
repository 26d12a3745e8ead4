import { type INestApplicationContext, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type DataSource, type EntityMetadata, TypeORMError } from 'typeorm';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyModule } from '../authentify.module.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { TokenService } from '../sessions/token.service.js';
import { SessionDirectory } from '../store/session-directory.js';
import { StoreHealth } from '../store/health.js';
import { assertSchema, leaveUnchecked } from '../store/schema-check.js';
import { SessionTable } from '../store/session-table.js';
import { UserDirectory } from '../store/user-directory.js';
import { loadDataSource, loadOptions } from './app-files.js';
import { ConnectionError, UsageError } from './failure.js';

/** The flags of all commands: the app's files, its token entity, the output. */
export interface AppFlags {
  dataSource: string;
  options?: string;
  defaultOptions?: boolean;
  entity?: string;
  json?: boolean;
}

/** Access to the sessions of the app, as its own code has it. */
export interface OpenedRegistration {
  options: ResolvedOptions;
  tokens: TokenService;
  sessions: SessionDirectory;
  users: UserDirectory;
  health: StoreHealth;
}

/**
 * Opens the data source of the app, runs the work, and always closes it.
 *
 * @throws AuthentifyConfigurationError if tables or columns are missing, unless the command checks that itself.
 */
export async function withRegistration<T>(
  flags: AppFlags,
  work: (registration: OpenedRegistration) => Promise<T>,
  { checkSchema = true }: { checkSchema?: boolean } = {},
): Promise<T> {
  const options = await optionsOf(flags);
  const dataSource = await connect(await loadDataSource(flags.dataSource));
  let app: INestApplicationContext | undefined;
  try {
    const tokenEntity = tokenEntityOf(dataSource, flags.entity);
    leaveUnchecked(dataSource);
    app = await startModule(dataSource, tokenEntity, options);
    if (checkSchema) await assertSchema(dataSource, tokenEntity).catch(throwIfConfiguration);
    const resolved = app.get<ResolvedOptions>(AUTHENTIFY_OPTIONS);
    return await work({
      options: resolved,
      tokens: app.get<TokenService>(TokenService),
      sessions: app.get<SessionDirectory>(SessionDirectory),
      users: app.get(UserDirectory),
      health: new StoreHealth(dataSource, tokenEntity, app.get<SessionTable>(SessionTable), resolved.sqlComment),
    });
  } finally {
    await app?.close();
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

/** Options are never guessed: pruning with other options would delete rows that the app keeps. */
async function optionsOf({ options, defaultOptions }: AppFlags): Promise<Record<string, unknown>> {
  if (options !== undefined) return loadOptions(options);
  if (defaultOptions) return {};
  throw new UsageError(
    'Use --options with the file that exports your options for AuthentifyModule, ' +
      'or --default-options if your app passes none',
  );
}

async function connect(dataSource: DataSource): Promise<DataSource> {
  // A command must not synchronize, migrate or drop anything, whatever the app does when it starts.
  dataSource.setOptions({ synchronize: false, migrationsRun: false, dropSchema: false, logging: false });
  try {
    return await dataSource.initialize();
  } catch (error) {
    if (error instanceof TypeORMError) throw new UsageError(`The data source cannot be used: ${error.message}`);
    throw new ConnectionError(error);
  }
}

function tokenEntityOf(dataSource: DataSource, name: string | undefined): Type<AbstractAuthToken> {
  const all = dataSource.entityMetadatas.filter(isTokenEntity);
  const fitting = name === undefined ? all : all.filter((metadata) => metadata.name === name);
  const [found] = fitting;
  if (fitting.length === 1 && found) return found.target as Type<AbstractAuthToken>;
  if (all.length === 0) {
    throw new UsageError(
      'The data source has no token entity; add yours, or authTokenEntity(() => User), to its "entities"',
    );
  }
  throw new UsageError(
    `Choose one of the token entities with --entity: ${all.map((metadata) => metadata.name).join(', ')}`,
  );
}

function isTokenEntity({ target }: EntityMetadata): boolean {
  return typeof target === 'function' && target.prototype instanceof AbstractAuthToken;
}

/** Ignores an outage: the statement of the command will report it. */
function throwIfConfiguration(error: unknown): void {
  if (error instanceof AuthentifyConfigurationError) throw error;
}

function startModule(
  dataSource: DataSource,
  tokenEntity: Type<AbstractAuthToken>,
  options: Record<string, unknown>,
): Promise<INestApplicationContext> {
  const database = TypeOrmModule.forRootAsync({
    useFactory: () => dataSource.options,
    dataSourceFactory: () => Promise.resolve(dataSource),
  });
  // A command ends before a schedule could run.
  const sessions = AuthentifyModule.forRoot({ ...options, pruneSchedule: undefined, tokenEntity });
  @Module({ imports: [database, sessions] })
  class CommandModule {}
  return NestFactory.createApplicationContext(CommandModule, { logger: false, abortOnError: false });
}
