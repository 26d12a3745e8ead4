import type { DataSource, EntityMetadata } from 'typeorm';
import type { Row } from './row.js';
import type { SqlComment } from './sql-comment.js';

/** Where statements are sent, and for which entity. */
export interface StatementSource {
  dataSource: DataSource;
  metadata: EntityMetadata;
  /** `false`: TypeORM sends their text each time. */
  preparedStatements: boolean;
  /** What proxies read before each statement. */
  comment: SqlComment;
}

/** What a statement came to: the rows it read, or the number of those it changed. */
export interface StatementResult {
  rows: Row[];
  affected: number;
}

/** Sends a statement to the primary, with the values it asks for when it has a connection. */
export type Send = (values: () => readonly unknown[]) => Promise<StatementResult>;
