import type { DataSource } from 'typeorm';

/**
 * The same data source without the cache that its option `cache` puts before its queries, with `alwaysEnabled` before all
 * of them: a session that was read before it was revoked would live on (R71). Saying so to each query is not enough:
 * TypeORM makes some of its own, for `getExists` and for relations.
 */
export function uncached(dataSource: DataSource): DataSource {
  return Object.create(dataSource, { queryResultCache: { value: undefined } }) as DataSource;
}
