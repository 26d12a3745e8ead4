import type { MigrationInterface, QueryRunner, Table } from 'typeorm';
import { type Duration, type Milliseconds, parseDuration } from '../../options/duration.js';
import { dataSourceOf } from '../../store/drivers/typeorm-internals.js';
import { importedRow } from './imported-row.js';
import { type Source, type SourceRow, SourceRows } from './source-rows.js';
import { insertStatement, knownIds } from './statement.js';

/** The options of `importDrfAuthentify`. */
export interface ImportDrfAuthentifyOptions {
  /** The table to read; with its schema or database, if that is not the default. Default `'drf_authentify_authtoken'`. */
  sourceTable?: string;
  /** The table to fill. Default `'auth_tokens'`. */
  tokenTable?: string;
  /** The absolute end of the imported sessions, counted from the login: use your option of this name. Default: none. */
  sessionMaxTtl?: Duration | null;
}

const BATCH = 500;

/**
 * The migration that imports the sessions of a drf-authentify database. Extend it with your own class. With
 * `acceptLegacyTokens: drfAuthentifyTokens`, clients keep their tokens. It copies the sessions that still work and whose user
 * has the same key here, and does not change the source. It skips rows that exist already.
 *
 * Run it once, after drf-authentify has stopped. Another run would bring back sessions that were ended and deleted here.
 *
 * @example
 * ```ts
 * export class ImportSessions1767225600001 extends importDrfAuthentify({ sessionMaxTtl: '30d' }) {}
 * ```
 */
export function importDrfAuthentify(options: ImportDrfAuthentifyOptions = {}): new () => MigrationInterface {
  const { sourceTable = 'drf_authentify_authtoken', tokenTable = 'auth_tokens' } = options;
  const sessionMaxTtl = options.sessionMaxTtl ? parseDuration(options.sessionMaxTtl) : null;
  return class implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      const target = await tableOf(queryRunner, tokenTable);
      const source = { table: (await tableOf(queryRunner, sourceTable)).name, ...ownerOf(target) };
      await new Import(queryRunner, source, target.name, sessionMaxTtl).run();
    }

    /** Imported sessions are sessions like any other by now; they go with their table. */
    async down(): Promise<void> {}
  };
}

/** One run, from the first batch to the last. */
class Import {
  private readonly now = Date.now();
  private readonly rows: SourceRows;
  private read = 0;
  private imported = 0;

  constructor(
    private readonly queryRunner: QueryRunner,
    source: Source,
    private readonly target: string,
    private readonly sessionMaxTtl: Milliseconds | null,
  ) {
    this.rows = new SourceRows(queryRunner, source, this.now);
  }

  async run(): Promise<void> {
    const total = await this.rows.count();
    let batch: SourceRow[] = [];
    do {
      batch = await this.rows.after(batch.at(-1)?.id, BATCH);
      await this.insert(batch);
      this.read += batch.length;
      this.tell(`${this.read} of ${total} sessions read`);
    } while (batch.length === BATCH);
    this.tell(`${this.imported} sessions imported, ${this.read - this.imported} of no use or there already`);
  }

  private async insert(batch: readonly SourceRow[]): Promise<void> {
    const usable = batch.flatMap((source) => importedRow(source, this.now, this.sessionMaxTtl) ?? []);
    if (usable.length === 0) return;
    const known = await knownIds(
      this.queryRunner,
      this.target,
      usable.map(({ id }) => id),
    );
    const missing = usable.filter(({ id }) => !known.has(id));
    if (missing.length === 0) return;
    const { sql, parameters } = insertStatement(this.queryRunner, this.target, missing);
    await this.queryRunner.query(sql, parameters);
    this.imported += missing.length;
  }

  private tell(message: string): void {
    const { logger } = dataSourceOf(this.queryRunner);
    logger.logMigration(`drf-authentify: ${message}`, this.queryRunner);
  }
}

async function tableOf(queryRunner: QueryRunner, name: string): Promise<Table> {
  const table = await queryRunner.getTable(name);
  if (!table) {
    throw new Error(
      `importDrfAuthentify finds no table "${name}"; name it in sourceTable or tokenTable, or make it first`,
    );
  }
  return table;
}

/** Whose sessions the table takes, as its foreign key says. */
function ownerOf({ name, foreignKeys }: Table): Omit<Source, 'table'> {
  const key = foreignKeys.find(({ columnNames }) => columnNames.join() === 'user_id');
  const userKey = key?.referencedColumnNames[0];
  if (!key || userKey === undefined) throw new Error(`importDrfAuthentify needs a foreign key on "${name}"."user_id"`);
  return { userTable: key.referencedTableName, userKey };
}
