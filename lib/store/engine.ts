import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';

type DatabaseType = DataSource['options']['type'];

/** TypeORM's drivers that the project runs its suites on; `docs/reference/databases.md` says with which servers. */
const TRIED: ReadonlySet<DatabaseType> = new Set(['postgres', 'mariadb', 'mysql', 'better-sqlite3', 'sqljs']);

const PAGE = 'https://github.com/nestjs-authentify/nestjs-authentify/blob/main/docs/reference/databases.md';

/** Several registrations may share a data source; one warning is enough. */
const warned = new WeakSet<DataSource>();

/**
 * Checks that this kind of database can keep sessions. A kind that nobody has tried is warned of once, and asked for the
 * one thing that the library cannot do without: how many rows a statement changed.
 *
 * @param changeNothing sends a statement that changes no row, and gives the number that TypeORM says was affected.
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
  if (warned.has(dataSource)) return;
  warned.add(dataSource);
  new Logger('Database').warn(
    `The library has not been tested on a data source of the type ${type}, only on ${[...TRIED].join(', ')}. ` +
      `What is known of others: ${PAGE}`,
  );
  if (typeof (await changeNothing()) === 'number') return;
  throw new AuthentifyConfigurationError(
    'dataSource',
    `is of the type ${type}, whose driver does not report how many rows a statement changed. The library needs ` +
      'that number to decide who wins a race; keep the sessions in a data source of another type',
  );
}
