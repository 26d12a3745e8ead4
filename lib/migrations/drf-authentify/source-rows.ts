import type { QueryRunner } from 'typeorm';
import type { UserId } from '../../sessions/entities/abstract-auth-token.js';
import { dataSourceOf } from '../../store/drivers/typeorm-internals.js';
import { type Statement, tablePath } from './statement.js';

/** A session as drf-authentify stored it; instants are epoch milliseconds. */
export interface SourceRow {
  id: UserId;
  accessTokenHash: string;
  refreshTokenHash: string | null;
  authType: string;
  context: unknown;
  userId: UserId;
  createdAt: number | string;
  lastRefreshedAt: number | string;
  expiresAt: number | string | null;
  refreshUntil: number | string | null;
}

/** Epoch milliseconds of one of Django's UTC instants, worked out in the database, where no time zone can shift it. */
const EPOCH_MS: Record<string, (column: string) => string> = {
  postgres: (column) => `CAST(FLOOR(EXTRACT(EPOCH FROM ${column}) * 1000) AS bigint)`,
  mariadb: (column) => `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', ${column}) DIV 1000)`,
  sqlite: (column) =>
    `(CAST(strftime('%s', ${column}) AS integer) * 1000 + CAST(substr(strftime('%f', ${column}), 4) AS integer))`,
};
const DIALECTS: Record<string, keyof typeof EPOCH_MS> = {
  postgres: 'postgres',
  mariadb: 'mariadb',
  mysql: 'mariadb',
  sqlite: 'sqlite',
  'better-sqlite3': 'sqlite',
  sqljs: 'sqlite',
};

/** Where the sessions are, and whose they may be. */
export interface Source {
  table: string;
  userTable: string;
  userKey: string;
}

/** Reads what can still be used and belongs to somebody, in batches along the primary key. */
export class SourceRows {
  private readonly ms: (column: string) => string;
  private readonly importable: string;

  constructor(
    private readonly queryRunner: QueryRunner,
    source: Source,
    private readonly now: number,
  ) {
    const { type } = dataSourceOf(queryRunner).options;
    const ms = EPOCH_MS[DIALECTS[type] ?? ''];
    if (!ms) throw new Error(`importDrfAuthentify knows PostgreSQL, MySQL, MariaDB and SQLite, not ${type}`);
    this.ms = ms;
    const path = (name: string) => tablePath(queryRunner, name);
    const owner = `${path(source.userTable)} owner WHERE owner.${path(source.userKey)} = source.user_id`;
    this.importable =
      `FROM ${path(source.table)} source WHERE source.revoked_at IS NULL` +
      ` AND (source.expires_at IS NULL OR ${ms('source.expires_at')} > ${this.now}` +
      ` OR ${ms('source.refresh_until')} > ${this.now}) AND EXISTS (SELECT 1 FROM ${owner})`;
  }

  async count(): Promise<number> {
    const [row] = (await this.queryRunner.query(`SELECT COUNT(*) AS total ${this.importable}`)) as { total: unknown }[];
    return Number(row?.total ?? 0);
  }

  /** The next rows by id, or the first ones. */
  after(id: UserId | undefined, limit: number): Promise<SourceRow[]> {
    const statement: Statement = { sql: `SELECT ${this.columns()} ${this.importable}`, parameters: [] };
    if (id !== undefined) {
      statement.sql += ` AND source.id > ${dataSourceOf(this.queryRunner).driver.createParameter('id', 0)}`;
      statement.parameters.push(id);
    }
    statement.sql += ` ORDER BY source.id LIMIT ${limit}`;
    return this.queryRunner.query(statement.sql, statement.parameters) as Promise<SourceRow[]>;
  }

  private columns(): string {
    const columns: Record<keyof SourceRow, string> = {
      id: 'source.id',
      accessTokenHash: 'source.access_token_hash',
      refreshTokenHash: 'source.refresh_token_hash',
      authType: 'source.auth_type',
      context: 'source.context',
      userId: 'source.user_id',
      createdAt: this.ms('source.created_at'),
      lastRefreshedAt: this.ms('source.last_refreshed_at'),
      expiresAt: this.ms('source.expires_at'),
      refreshUntil: this.ms('source.refresh_until'),
    };
    const { driver } = dataSourceOf(this.queryRunner);
    return Object.entries(columns)
      .map(([name, expression]) => `${expression} AS ${driver.escape(name)}`)
      .join(', ');
  }
}
