import { Inject, Injectable, Logger, type OnApplicationBootstrap, type Type } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { from, lastValueFrom, timeout } from 'rxjs';
import type { DataSource, QueryRunner } from 'typeorm';
import { AUTH_DATA_SOURCE, AUTH_TOKEN_ENTITY, AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { codeOf } from './error-codes.js';
import { SqlComment } from './drivers/sql-comment.js';
import { describeFaults, readInstant, readNothing, SAMPLE, schemaFaults } from './table-schema.js';

/** How long the boot waits for an answer. */
const PATIENCE: Milliseconds = 10_000;

const unchecked = new WeakSet<DataSource>();

/** Leaves the tables of this data source alone when an application starts with it: the caller checks them itself. */
export function leaveUnchecked(dataSource: DataSource): void {
  unchecked.add(dataSource);
}

/**
 * Looks at boot for tables and columns that are missing, after every module's `onModuleInit`, so that an app may migrate
 * there. Without a table all would be 503 for ever, which looks like an outage.
 */
@Injectable()
export class SchemaCheck implements OnApplicationBootstrap {
  private readonly logger = new Logger(SchemaCheck.name);

  constructor(
    @Inject(AUTH_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(AUTH_TOKEN_ENTITY) private readonly entity: Type<AnyAuthToken>,
    private readonly host: HttpAdapterHost,
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /** @throws AuthentifyConfigurationError that names the missing table or column, and the remedy. */
  async onApplicationBootstrap(): Promise<void> {
    const { dataSource, entity, host, options } = this;
    if (unchecked.has(dataSource)) return;
    try {
      await lastValueFrom(from(assertSchema(dataSource, entity, options.sqlComment)).pipe(timeout(PATIENCE)));
    } catch (error) {
      // A program without HTTP may be the very one that migrates.
      const mayMigrate = !host.httpAdapter && dataSource.migrations.length > 0;
      if (error instanceof AuthentifyConfigurationError && !mayMigrate) throw error;
      this.logger.error(
        error instanceof AuthentifyConfigurationError
          ? error.message
          : `The tables could not be checked when the app started${inBrackets(codeOf(dataSource, error))}`,
      );
    }
  }
}

/**
 * Reads what every look-up reads, of no row; only where that fails, looks at the tables.
 *
 * @throws AuthentifyConfigurationError that names the missing table or column, or the setting that cannot be relied on;
 * the driver's error where nothing is missing.
 */
export async function assertSchema(
  dataSource: DataSource,
  entity: Type<AnyAuthToken>,
  sqlComment: string | null = null,
): Promise<void> {
  const metadata = dataSource.getMetadata(entity);
  const queryRunner = dataSource.createQueryRunner('master');
  try {
    // A replica may not have the tables yet.
    const comment = new SqlComment(sqlComment, dataSource);
    await assertReadsInstants(comment.on(queryRunner));
    const onPrimary = comment.on(queryRunner);
    await readNothing(onPrimary, metadata);
    comment.assertSentBy(onPrimary);
  } catch (error) {
    if (error instanceof AuthentifyConfigurationError) throw error;
    const faults = await schemaFaults(queryRunner, metadata);
    if (faults.length === 0) throw error;
    throw new AuthentifyConfigurationError(
      'tokenEntity',
      `(${entity.name}) does not fit the database: ${describeFaults(faults)}`,
    );
  } finally {
    await queryRunner.release();
  }
}

/** An instant that a driver reads as another one would let sessions live on past their end, or end them all. */
async function assertReadsInstants(queryRunner: QueryRunner): Promise<void> {
  const read = await readInstant(queryRunner);
  if (read === undefined || Number(read) === SAMPLE) return;
  throw new AuthentifyConfigurationError(
    'dataSource',
    'has settings by which its driver reads 64-bit integers as other values than the database has. Leave out what does ' +
      'it: binary: true of pg, a type parser for int8, or a typeCast of mysql2',
  );
}

function inBrackets(code: string): string {
  return code === '' ? '' : ` (${code})`;
}
