import type { DataSource } from 'typeorm';

/** Tells TypeORM's logger what TypeORM would have told it. */
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
