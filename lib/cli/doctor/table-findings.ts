import type { EntityMetadata, QueryRunner, Table } from 'typeorm';
import { ownerOf } from '../../store/users.js';
import { CHANGE_TABLE, schemaFaults } from '../../store/table-schema.js';
import { dueOf } from '../commands/prune.js';
import type { OpenedRegistration } from '../registration.js';
import type { Finding } from './finding.js';
import { unusedIndexes } from './index-use.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Where the table is not what the entity describes, where its indexes are of no use, and what lies about in it. */
export async function tableFindings(store: OpenedRegistration): Promise<Finding[]> {
  const { dataSource, rows } = store;
  const { metadata } = rows;
  const queryRunner = dataSource.createQueryRunner('master');
  try {
    const faults = await schemaFaults(queryRunner, metadata);
    const table = await queryRunner.getTable(metadata.tablePath);
    if (!table) return faults;
    const missing = [...faults, ...missingIndexes(table, metadata), ...missingOwner(table, metadata)];
    if (missing.length > 0) return missing;
    return [...(await idleIndexes(queryRunner, store)), ...(await overdue(store))];
  } finally {
    await queryRunner.release();
  }
}

function missingIndexes(table: Table, { indices }: EntityMetadata): Finding[] {
  const found = [...table.indices, ...table.uniques.map(({ columnNames }) => ({ columnNames, isUnique: true }))];
  return indices.flatMap(({ columns, isUnique }) => {
    const names = columns.map(({ databaseName }) => databaseName);
    // A column that is missing is told of already.
    if (!names.every((name) => table.findColumnByName(name))) return [];
    if (found.some((index) => isSame(index.columnNames, names) && index.isUnique === isUnique)) return [];
    return [{ subject: names.join(), problem: `lacks its ${isUnique ? 'unique ' : ''}index`, remedy: CHANGE_TABLE }];
  });
}

/** In any order: TypeORM reads the columns of a PostgreSQL index in the order of the table. */
function isSame(columns: readonly string[], others: readonly string[]): boolean {
  return columns.toSorted().join() === others.toSorted().join();
}

/** Without it the sessions of a deleted user stay, and whoever gets that key next inherits them (R51). */
function missingOwner({ foreignKeys }: Table, metadata: EntityMetadata): Finding[] {
  const subject = ownerOf(metadata)
    .relation.joinColumns.map(({ databaseName }) => databaseName)
    .join();
  const owner = foreignKeys.find(({ columnNames }) => columnNames.join() === subject);
  if (owner?.onDelete === 'CASCADE') return [];
  const problem = 'is no foreign key with ON DELETE CASCADE';
  return [{ subject, problem, remedy: CHANGE_TABLE, source: 'ASVS 7.4.2' }];
}

async function idleIndexes(queryRunner: QueryRunner, store: OpenedRegistration): Promise<Finding[]> {
  const unused = await unusedIndexes(queryRunner, store);
  return unused.map((subject) => ({
    subject,
    problem: 'has an index that the database does not use',
    remedy: 'rebuild it, and see that the column has the type of the entity',
  }));
}

async function overdue({ table, rows }: OpenedRegistration): Promise<Finding[]> {
  const due = await dueOf(table, Date.now() - DAY_MS);
  if (due === 0) return [];
  return [
    {
      subject: rows.metadata.tableName,
      problem: `holds ${due} sessions that could have been pruned a day ago`,
      remedy: 'set pruneSchedule, or run authentify prune every hour',
      source: 'ASVS 14.2.7',
    },
  ];
}
