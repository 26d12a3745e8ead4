import type { DataSource, EntityMetadata, ObjectType, QueryRunner, Table } from 'typeorm';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { SqlComment } from './drivers/sql-comment.js';
import { prunable } from './session-conditions.js';
import type { SessionTable } from './session-table.js';
import { type SchemaFault, schemaFaults } from './table-schema.js';
import { ownerOf } from './users.js';

/** The server that statements reach, and how they get there. */
export interface ServerHealth {
  isReadOnly: boolean;
  /** The name of a proxy that may send reads to replicas, because no `sqlComment` tells it to keep them on the primary. */
  splittingProxy: string | undefined;
  /** Whether TypeORM's query cache answers the app's own queries. */
  cachesAllQueries: boolean;
  /** Whether TypeORM sends the app's own queries to replicas. */
  hasReplicas: boolean;
  /** Columns of ids and digests whose collation takes different texts for the same. */
  foldingColumns: string[];
}

/** The differences between the table and its entity. */
export interface SchemaHealth {
  faults: SchemaFault[];
  missingIndexes: { columns: string[]; isUnique: boolean }[];
  /** The column of the owner, where deleting a user leaves the user's sessions behind (R51). */
  ownerWithoutCascade: string | undefined;
}

/** Answers what an operator asks about the store; no session is decided by it. */
export class StoreHealth {
  constructor(
    private readonly dataSource: DataSource,
    private readonly entity: ObjectType<AbstractAuthToken>,
    private readonly table: SessionTable,
    private readonly sqlComment: string | null,
  ) {}

  /** The table's name in the database. */
  get tableName(): string {
    return this.metadata.tableName;
  }

  server(): Promise<ServerHealth> {
    const { cache } = this.dataSource.options as { cache?: boolean | { alwaysEnabled?: boolean } };
    return this.onPrimary(async (queryRunner) => {
      const ask = asking(queryRunner, new SqlComment(this.sqlComment, this.dataSource));
      return {
        isReadOnly: (await this.dialect?.isReadOnly?.(ask)) ?? false,
        splittingProxy: this.sqlComment === null ? await this.dialect?.splittingProxy?.(ask) : undefined,
        cachesAllQueries: typeof cache === 'object' && cache.alwaysEnabled === true,
        hasReplicas: 'replication' in this.dataSource.options && Boolean(this.dataSource.options.replication),
        foldingColumns: (await this.dialect?.foldingColumns?.(ask, this.metadata.tablePath)) ?? [],
      };
    });
  }

  schema(): Promise<SchemaHealth> {
    return this.onPrimary(async (queryRunner) => {
      const faults = await schemaFaults(queryRunner, this.metadata);
      const table = await queryRunner.getTable(this.metadata.tablePath);
      if (!table) return { faults, missingIndexes: [], ownerWithoutCascade: undefined };
      return {
        faults,
        missingIndexes: missingIndexes(table, this.metadata),
        ownerWithoutCascade: ownerWithoutCascade(table, this.metadata),
      };
    });
  }

  /** Columns by which rows are looked up, and whose index the database would not use. */
  unusedIndexes(): Promise<string[]> {
    return this.onPrimary(async (queryRunner) => {
      const unused: string[] = [];
      for (const [property, condition] of Object.entries(LOOK_UPS)) {
        const column = this.metadata.findColumnWithPropertyName(property)?.databaseName ?? property;
        const rows = this.dataSource.getRepository(this.entity).createQueryBuilder('token');
        const statement = rows.select('token.id').where(condition).getQueryAndParameters();
        if ((await this.dialect?.usesIndex(queryRunner, statement, column)) === false) unused.push(column);
      }
      return unused;
    });
  }

  /** How many rows pruning would end or delete at an instant in epoch milliseconds. */
  due(now: number): Promise<number> {
    return this.table.read((rows) => rows.where(prunable(now)).getCount());
  }

  private async onPrimary<T>(work: (queryRunner: QueryRunner) => Promise<T>): Promise<T> {
    const queryRunner = this.dataSource.createQueryRunner('master');
    try {
      return await work(queryRunner);
    } finally {
      await queryRunner.release();
    }
  }

  private get metadata(): EntityMetadata {
    return this.dataSource.getMetadata(this.entity);
  }

  private get dialect(): Dialect | undefined {
    return DIALECTS[this.dataSource.options.type];
  }
}

/** Conditions that must use an index; with two values, because planners may optimise a single one away. */
const LOOK_UPS: Record<string, string> = {
  accessTokenHash: "token.accessTokenHash IN ('0', '1')",
  refreshFamilyHash: "token.refreshFamilyHash IN ('0', '1')",
  rotationSalt: "token.rotationSalt > ''",
  pruneAt: 'token.pruneAt <= 0',
};

function missingIndexes(table: Table, { indices }: EntityMetadata): SchemaHealth['missingIndexes'] {
  const found = [...table.indices, ...table.uniques.map(({ columnNames }) => ({ columnNames, isUnique: true }))];
  return indices
    .map(({ columns, isUnique }) => ({ columns: columns.map(({ databaseName }) => databaseName), isUnique }))
    .filter(({ columns }) => columns.every((name) => table.findColumnByName(name)))
    .filter((index) => !found.some((one) => one.isUnique === index.isUnique && isSame(one.columnNames, index.columns)));
}

/** In any order: TypeORM reads the columns of a PostgreSQL index in the order of the table. */
function isSame(columns: readonly string[], others: readonly string[]): boolean {
  return columns.toSorted().join() === others.toSorted().join();
}

function ownerWithoutCascade({ foreignKeys }: Table, metadata: EntityMetadata): string | undefined {
  const { joinColumns } = ownerOf(metadata).relation;
  const column = joinColumns.map(({ databaseName }) => databaseName).join();
  const owner = foreignKeys.find(({ columnNames }) => columnNames.join() === column);
  return owner?.onDelete === 'CASCADE' ? undefined : column;
}

/** Asks the database; no rows where it does not understand the question. */
type Ask = (sql: string) => Promise<Record<string, unknown>[]>;

function asking(queryRunner: QueryRunner, comment: SqlComment): Ask {
  return async (sql) => {
    try {
      return (await queryRunner.query(comment.before(sql))) as Record<string, unknown>[];
    } catch {
      return [];
    }
  };
}

/** The questions as a database understands them. */
interface Dialect {
  isReadOnly?(ask: Ask): Promise<boolean>;
  splittingProxy?(ask: Ask): Promise<string | undefined>;
  foldingColumns?(ask: Ask, tablePath: string): Promise<string[]>;
  /** Whether the database uses an index for this column, according to its query plan. */
  usesIndex(
    queryRunner: QueryRunner,
    statement: [sql: string, parameters: unknown[]],
    column: string,
  ): Promise<boolean>;
}

const postgres: Dialect = {
  isReadOnly: async (ask) => {
    const [row] = await ask("SELECT current_setting('transaction_read_only') AS answer");
    return row?.answer === 'on';
  },
  splittingProxy: async (ask) => ((await ask('SHOW POOL_VERSION')).length > 0 ? 'Pgpool-II' : undefined),
  foldingColumns: async (ask, tablePath) => {
    const found = await ask(
      'SELECT a.attname AS name FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation ' +
        `WHERE a.attrelid = to_regclass('${tablePath.split('.').map(quoted).join('.')}') ` +
        "AND a.attnum > 0 AND NOT c.collisdeterministic AND (a.attname = 'id' OR a.attname LIKE '%hash') ORDER BY 1",
    );
    return found.map(({ name }) => String(name));
  },
  usesIndex: async (queryRunner, [sql, parameters], column) => {
    // A small table is read as a whole for good reason, so that way is closed while asking.
    await queryRunner.query('SET enable_seqscan = off');
    try {
      const plan = JSON.stringify(await queryRunner.query(`EXPLAIN (FORMAT JSON) ${sql}`, parameters));
      return new RegExp(`"Index Cond":"[^"]*${column}`).test(plan);
    } finally {
      await queryRunner.query('RESET enable_seqscan');
    }
  },
};
const mysql: Dialect = {
  isReadOnly: async (ask) => {
    const [row] = await ask('SELECT @@read_only AS answer');
    return Number(row?.answer ?? 0) === 1;
  },
  splittingProxy: async (ask) => {
    const [row] = await ask('SELECT @@version AS version, @@version_comment AS comment');
    return /ProxySQL|MaxScale/i.exec(`${String(row?.version)} ${String(row?.comment)}`)?.[0];
  },
  usesIndex: async (queryRunner, [sql, parameters]) => {
    const plan = (await queryRunner.query(`EXPLAIN ${sql}`, parameters)) as { possible_keys: string | null }[];
    return plan.every((step) => step.possible_keys !== null);
  },
};
const sqlite: Dialect = {
  usesIndex: async (queryRunner, [sql, parameters]) => {
    const plan = await queryRunner.query(`EXPLAIN QUERY PLAN ${sql}`, parameters);
    return /USING (?:COVERING )?INDEX/.test(JSON.stringify(plan));
  },
};
const DIALECTS: Readonly<Record<string, Dialect | undefined>> = {
  postgres,
  mysql,
  mariadb: mysql,
  sqlite,
  sqljs: sqlite,
  'better-sqlite3': sqlite,
};

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
