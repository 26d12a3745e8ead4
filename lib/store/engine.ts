import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';

type DatabaseType = DataSource['options']['type'];

/** TypeORM's drivers that the project runs its suites on; `docs/reference/databases.md` says with which servers. */
const TRIED: ReadonlySet<DatabaseType> = new Set(['postgres', 'mariadb', 'mysql', 'better-sqlite3', 'sqljs']);

const PAGE = 'https://github.com/nestjs-authentify/nestjs-authentify/blob/main/docs/reference/databases.md';

/** Several registrations on one data source tell of it once. */
const told = new WeakSet<DataSource>();

/**
 * Whether this kind of database can keep sessions. Of kinds that nobody has tried the log tells once, and they are asked
 * for the one thing that cannot be done without: how many rows a statement changed.
 *
 * @param changeNothing sends a statement that changes no row, and gives what TypeORM says was affected.
 * @throws AuthentifyConfigurationError where sessions cannot be kept.
 */
export async function checkEngine(dataSource: DataSource, changeNothing: () => Promise<unknown>): Promise<void> {
  const { type } = dataSource.options;
  if (TRIED.has(type)) return;
  if (type === 'mongodb') {
    throw new AuthentifyConfigurationError(
      'dataSource',
      'is of the type mongodb, which has no SQL; ' +
        'give the sessions a relational data source of their own, and its name in the extra "dataSource"',
    );
  }
  if (told.has(dataSource)) return;
  told.add(dataSource);
  new Logger('AuthentifyModule').warn(
    `Nobody has tried the library on a data source of the type ${type}; tried are ${[...TRIED].join(', ')}. ` +
      `What is known of others: ${PAGE}`,
  );
  if (typeof (await changeNothing()) === 'number') return;
  throw new AuthentifyConfigurationError(
    'dataSource',
    `is of the type ${type}, whose driver does not tell how many rows a statement changed. By that number the library ` +
      'decides who wins a race; keep the sessions in a data source of another type',
  );
}
