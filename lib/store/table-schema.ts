import type { EntityMetadata, QueryRunner } from 'typeorm';
import { isBigInteger, typeOf } from './column-types.js';
import { AbstractAuthToken, instantTransformer } from '../sessions/entities/abstract-auth-token.js';
import { dataSourceOf } from './drivers/typeorm-internals.js';
import { joinUser, ownerOf } from './users.js';
import { DIGEST_COLUMNS } from './session-table.js';

type ColumnMetadata = EntityMetadata['columns'][number];

/** A table or column that is not as its entity describes it. */
export interface SchemaFault {
  /** The table or column, as the database calls it. */
  subject: string;
  problem: string;
  remedy: string;
}

const IN_DEVELOPMENT = 'in development, synchronize: true does it at each start';

/** The remedy for a table that is missing. */
export const MAKE_TABLE =
  'run the migration that makes it (typeorm migration:run), or write one with createAuthTokens of ' +
  `nestjs-authentify/migrations; ${IN_DEVELOPMENT}`;

/** The remedy for a table with other columns. */
export const CHANGE_TABLE =
  'let typeorm migration:generate write the migration, and run it (typeorm migration:run); ' + IN_DEVELOPMENT;

/** The library's own columns of text; an app's columns beside them are its own business. */
const TEXTS: ReadonlySet<string> = new Set([
  'id',
  'authType',
  'context',
  'revokedReason',
  ...DIGEST_COLUMNS,
] satisfies (keyof AbstractAuthToken)[]);

/** Types that cannot hold epoch milliseconds; SQLite's `integer` can. */
const NO_INSTANTS = /date|time|char|text|json|bool|binary|blob|bytea|^(?:small|medium)?int(?:eger|\d)?$/i;
const NO_INSTANTS_IN_SQLITE = /date|time|char|text|json|bool|blob/i;
/** Types that cannot hold any text, or give back another one. */
const NO_TEXTS = /int|date|time|uuid|uniqueidentifier|bool|binary|blob|bytea|float|double|real|dec|num/i;

/**
 * Reads all that a look-up reads, of no row: one statement that fails where a table or column is missing, and on PostgreSQL
 * also where a date would be compared with a column of another type.
 */
export async function readNothing(queryRunner: QueryRunner, metadata: EntityMetadata): Promise<void> {
  const rows = queryRunner.manager.createQueryBuilder<AbstractAuthToken>(metadata.target, 'token', queryRunner);
  joinUser(rows, usersOf(metadata));
  rows.addSelect([...DIGEST_COLUMNS, 'pruneAt'].map((name) => `token.${name}`)).where('1 = 0');
  for (const { propertyPath } of metadata.columns.filter(isInstant)) rows.andWhere(`token.${propertyPath} > 0`);
  await rows.cache(false).getMany();
}

/** An instant in epoch milliseconds, each of whose bytes counts. */
export const SAMPLE = 1_795_881_600_123;

/**
 * {@link SAMPLE} as it comes back from the database; `undefined` where no setting of the driver could change it. With a
 * parameter, as all statements of the library: `pg` applies `binary` to those only.
 */
export async function readInstant(queryRunner: QueryRunner): Promise<unknown> {
  const { type } = dataSourceOf(queryRunner).options;
  const sql = new Map<string, string>([
    ['postgres', 'SELECT CAST($1 AS bigint) AS instant'],
    ['mysql', 'SELECT CAST(? AS signed) AS instant'],
    ['mariadb', 'SELECT CAST(? AS signed) AS instant'],
  ]).get(type);
  if (sql === undefined) return undefined;
  const [row] = (await queryRunner.query(sql, [SAMPLE])) as { instant: unknown }[];
  return row?.instant;
}

/** Tables and columns that a token entity, and its users' where their sessions are read with them, lack in the database. */
export async function schemaFaults(queryRunner: QueryRunner, metadata: EntityMetadata): Promise<SchemaFault[]> {
  const users = usersOf(metadata);
  const tables = [metadata, ...(users.tableType === 'view' ? [] : [users])];
  const faults: SchemaFault[] = [];
  for (const each of tables) faults.push(...(await faultsOf(queryRunner, each)));
  return faults;
}

/** Faults and remedies, in a sentence. */
export function describeFaults(faults: readonly SchemaFault[]): string {
  const remedies = [...new Set(faults.map(({ remedy }) => remedy))];
  return `${faults.map(({ subject, problem }) => `${subject} ${problem}`).join(', ')}; ${remedies.join('; ')}`;
}

async function faultsOf(queryRunner: QueryRunner, metadata: EntityMetadata): Promise<SchemaFault[]> {
  const { tableName, tablePath, columns } = metadata;
  const table = await queryRunner.getTable(tablePath);
  if (!table) {
    return [
      {
        subject: tableName,
        problem: `is not a table that the data source's user can read in ${placeOf(queryRunner, metadata)}`,
        remedy: MAKE_TABLE,
      },
    ];
  }
  return columns.flatMap((column) => {
    if (column.isVirtualProperty) return [];
    const subject = column.databaseName;
    const type = table.findColumnByName(subject)?.type;
    if (type === undefined) {
      const problem = `is a column that the table ${tableName} of ${placeOf(queryRunner, metadata)} lacks`;
      return [{ subject, problem, remedy: CHANGE_TABLE }];
    }
    if (!isMisfit(type, column, queryRunner)) return [];
    return [
      { subject, problem: `is of type ${type} in the table ${tableName}, not ${typeOf(column)}`, remedy: CHANGE_TABLE },
    ];
  });
}

/** Of the library's own columns, as they were declared. */
function isMisfit(type: string, column: ColumnMetadata, queryRunner: QueryRunner): boolean {
  if (!isTokenEntity(column.entityMetadata)) return false;
  if (isInstant(column)) {
    return (/sql(?:ite|js)/.test(dataSourceOf(queryRunner).options.type) ? NO_INSTANTS_IN_SQLITE : NO_INSTANTS).test(
      type,
    );
  }
  return TEXTS.has(column.propertyName) && /char|text/.test(typeOf(column)) && NO_TEXTS.test(type);
}

/** Those of the library, and an app's own that are stored as they are. */
function isInstant(column: ColumnMetadata): boolean {
  return column.transformer === instantTransformer && isBigInteger(typeOf(column));
}

function isTokenEntity({ target }: EntityMetadata): boolean {
  return typeof target === 'function' && target.prototype instanceof AbstractAuthToken;
}

function usersOf(metadata: EntityMetadata): EntityMetadata {
  return ownerOf(metadata).relation.inverseEntityMetadata;
}

/** Which database it was looked for in: the wrong one is a likely reason. */
function placeOf(queryRunner: QueryRunner, metadata: EntityMetadata): string {
  const { database, schema } = dataSourceOf(queryRunner).driver;
  const name = metadata.database ?? database;
  const inSchema = metadata.schema ?? schema;
  return `the database${name === undefined ? '' : ` "${name}"`}${inSchema === undefined ? '' : `, schema "${inSchema}"`}`;
}
