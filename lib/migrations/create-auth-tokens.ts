import { type MigrationInterface, type QueryRunner, Table, type TableColumn, type TableColumnOptions } from 'typeorm';
import { dataSourceOf } from '../store/drivers/typeorm-internals.js';

/** The options of `createAuthTokens`. */
export interface CreateAuthTokensOptions {
  /** The existing table of the users; with its schema or database, if that is not the default. */
  userTable: string;
  /** The name of the new table in the database. Default `'auth_tokens'`, as the naming strategy spells it. */
  tokenTable?: string;
}

const DIGEST = { type: 'varchar', length: '128' };
const INSTANT = { type: 'bigint' };
const OPTIONAL = { isNullable: true };

/**
 * What `AbstractAuthToken` declares, fixed widths first, so that PostgreSQL pads less. Frozen: where a later version needs another table, it ships another migration. */
const COLUMNS: readonly TableColumnOptions[] = [
  { name: 'id', type: 'varchar', length: '36', isPrimary: true },
  { name: 'created_at', ...INSTANT },
  { name: 'last_refreshed_at', ...INSTANT },
  { name: 'expires_at', ...INSTANT, ...OPTIONAL },
  { name: 'refresh_until', ...INSTANT, ...OPTIONAL },
  { name: 'session_expires_at', ...INSTANT, ...OPTIONAL },
  { name: 'rotated_at', ...INSTANT, ...OPTIONAL },
  { name: 'revoked_at', ...INSTANT, ...OPTIONAL },
  { name: 'prune_at', ...INSTANT, ...OPTIONAL },
  { name: 'auth_type', type: 'varchar', length: '16' },
  { name: 'context', type: 'text' },
  { name: 'revoked_reason', type: 'varchar', length: '32', ...OPTIONAL },
  { name: 'access_token_hash', ...DIGEST },
  { name: 'refresh_token_hash', ...DIGEST, ...OPTIONAL },
  { name: 'refresh_family_hash', ...DIGEST, ...OPTIONAL },
  { name: 'previous_refresh_token_hash', ...DIGEST, ...OPTIONAL },
  { name: 'rotation_salt', type: 'varchar', length: '64', ...OPTIONAL },
];

/**
 * The migration that creates the session table. Extend it with your own class: TypeORM remembers the class by its name, and
 * the timestamp in the name sets the order. `user_id` gets the type of the users' primary key, read from the database.
 *
 * @example
 * ```ts
 * export class CreateAuthTokens1767225600000 extends createAuthTokens({ userTable: 'users' }) {}
 * ```
 */
export function createAuthTokens({ userTable, tokenTable }: CreateAuthTokensOptions): new () => MigrationInterface {
  return class implements MigrationInterface {
    /** @throws Error if the table of the users is missing, or its primary key is not one column. */
    async up(queryRunner: QueryRunner): Promise<void> {
      const users = await queryRunner.getTable(userTable);
      const [key, ...others] = users?.primaryColumns ?? [];
      if (!users || !key || others.length > 0) {
        throw new Error(
          `createAuthTokens needs a table "${userTable}" with a primary key of one column; ` +
            'name your users’ table in userTable, and let this migration run after the one that makes it',
        );
      }
      const table = tokenTable ?? defaultTable(queryRunner);
      await queryRunner.createTable(authTokensTable(queryRunner, table, userTable, key));
      await leaveRoomForSlides(queryRunner, table);
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.dropTable(tokenTable ?? defaultTable(queryRunner));
    }
  };
}

/** As the entity asks the naming strategy, which may rename even what has a name. */
function columnName(queryRunner: QueryRunner, name: string): string {
  const property = name === 'user_id' ? 'user' : name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return dataSourceOf(queryRunner).namingStrategy.columnName(property, name, []);
}

function defaultTable(queryRunner: QueryRunner): string {
  return dataSourceOf(queryRunner).namingStrategy.tableName('AuthToken', 'auth_tokens');
}

/** Nothing here has a name of its own: the naming strategy gives the ones that the entity expects. */
function authTokensTable(queryRunner: QueryRunner, name: string, userTable: string, userKey: TableColumn): Table {
  const named = (column: string): string => columnName(queryRunner, column);
  const renamed = (column: TableColumnOptions): TableColumnOptions => ({ ...column, name: named(column.name) });
  const indexOn = (...columns: string[]): { columnNames: string[] } => ({ columnNames: columns.map(named) });
  return new Table({
    name,
    columns: [...COLUMNS, ownerColumn(userKey)].map(renamed),
    indices: [
      { ...indexOn('access_token_hash'), isUnique: true },
      { ...indexOn('refresh_family_hash'), isUnique: true },
      indexOn('rotation_salt'),
      indexOn('prune_at'),
      indexOn('created_at'),
      indexOn('user_id', 'created_at'),
    ],
    foreignKeys: [
      {
        columnNames: [named('user_id')],
        referencedTableName: userTable,
        referencedColumnNames: [userKey.name],
        onDelete: 'CASCADE',
        onUpdate: 'NO ACTION',
      },
    ],
  });
}

/**
 * Leaves room in each page of PostgreSQL for one more version of a row, so that a slide need not move it elsewhere. What
 * speaks PostgreSQL and stores rows otherwise has no such pages.
 */
async function leaveRoomForSlides(queryRunner: QueryRunner, name: string): Promise<void> {
  const { driver } = dataSourceOf(queryRunner);
  if (driver.options.type !== 'postgres') return;
  const [server] = (await queryRunner.query('SELECT version() AS version')) as { version: string }[];
  if (!server || !/^PostgreSQL (?!\S*-YB-)/.test(server.version)) return;
  const { schema, tableName } = driver.parseTableName(name);
  const path = [schema, tableName].flatMap((part) => (part === undefined ? [] : [driver.escape(part)])).join('.');
  await queryRunner.query(`ALTER TABLE ${path} SET (fillfactor = 95)`);
}

/** A foreign key must be of exactly its target's type, down to sign and collation. */
function ownerColumn({
  type,
  length,
  unsigned,
  precision,
  scale,
  charset,
  collation,
}: TableColumn): TableColumnOptions {
  return { name: 'user_id', type, length, unsigned, precision, scale, charset, collation };
}
