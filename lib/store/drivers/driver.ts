import type { DataSource } from 'typeorm';

/** The values of a row as the driver hands them out, in the order in which they were selected. */
export type Row = readonly unknown[];

/** The rows that a statement read, or the number of those it changed. */
export interface StatementResult {
  rows: Row[];
  affected: number;
}

/** Sends a statement to the primary. Its values are made once there is a connection: some are the time of sending (R28). */
export type Send = (values: () => readonly unknown[]) => Promise<StatementResult>;

/**
 * Has a statement parsed and planned once per connection.
 *
 * @returns `undefined` where the driver, or a setting of the app's, does not allow it: TypeORM sends the text then.
 */
export type Prepare = (dataSource: DataSource, sql: string) => Send | undefined;

/** Sends a statement, and tells TypeORM's logger of it as TypeORM does of its own. */
export async function logged<TResult>(
  { logger, options }: DataSource,
  sql: string,
  values: readonly unknown[],
  send: (values: readonly unknown[]) => Promise<TResult>,
): Promise<TResult> {
  const parameters = [...values];
  logger.logQuery(sql, parameters);
  const start = Date.now();
  try {
    return await send(values);
  } catch (error) {
    logger.logQueryError(error as Error, sql, parameters);
    throw error;
  } finally {
    const took = Date.now() - start;
    if (options.maxQueryExecutionTime && took > options.maxQueryExecutionTime)
      logger.logQuerySlow(took, sql, parameters);
  }
}
