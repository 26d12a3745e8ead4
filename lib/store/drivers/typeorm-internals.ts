import type { DataSource, EntityManager, EntityMetadata, ObjectLiteral, QueryBuilder, QueryRunner } from 'typeorm';
import { AuthentifyConfigurationError } from '../../errors/authentify-configuration.error.js';
import { lackOf, type PrivatePart } from '../../private-part.js';

/** What the store uses of TypeORM and of the drivers beneath it that they do not promise. */
export const STORE_PARTS = {
  pools: {
    package: 'typeorm',
    part: 'the connection pool of a data source (driver.master, .slaves, .pool, .poolCluster)',
    seenOn: ['0.3.20', '1'],
    without: 'Statements are sent as text, which is slower, and a connection that dies while idle can end the process.',
    test: ['test/tokens/typeorm-internals.spec.ts', 'the pools of a data source are where they are looked for'],
  },
  sqliteConnection: {
    package: 'typeorm',
    part: 'the connection of better-sqlite3 (driver.databaseConnection)',
    seenOn: ['0.3.20', '1'],
    without: 'Statements are sent as text, which is slower.',
    test: ['test/tokens/typeorm-internals.spec.ts', 'the connection of better-sqlite3 is where it is looked for'],
  },
  queryCache: {
    package: 'typeorm',
    part: 'the query cache that query builders ask (dataSource.queryResultCache)',
    seenOn: ['0.3.20', '1'],
    without: 'The cache would keep revoked sessions alive, so the app does not start with it.',
    test: ['test/tokens/true-reads.spec.ts', 'R71: nothing is taken from its cache'],
  },
  sentThroughRunner: {
    package: 'typeorm',
    part: 'the call of QueryRunner.query() by which query builders send',
    seenOn: ['0.3.20', '1'],
    without: 'The comment would be missing, and a proxy could read from a replica, so the app does not start with it.',
    test: ['test/tokens/true-reads.spec.ts', 'R48: the comment is at the very front of all that the library sends'],
  },
  subscribers: {
    package: 'typeorm',
    part: 'the rule which subscribers hear of which event (dataSource.subscribers, listenTo(), methods by name)',
    seenOn: ['0.3.20', '1'],
    without: 'A subscriber might not hear of what a compiled statement does.',
    test: ['test/tokens/lookup/listeners.spec.ts', 'a subscriber, also one that comes after boot and goes again'],
  },
  selectedColumns: {
    package: 'typeorm',
    part: 'the form of SELECT statements, and the marks of columns and relations (isNullable, isEager, …)',
    seenOn: ['0.3.20', '1'],
    without: 'Sessions are read through TypeORM, which is slower; the log says so once.',
    test: ['test/tokens/lookup/compiled-entities.spec.ts', 'is read as findOne reads it'],
  },
  endedClient: {
    package: 'pg',
    part: 'the check by which a pool refuses a client after client.end()',
    seenOn: ['8', '8'],
    without: 'The next statement on a connection that was given up fails with 503.',
    test: ['test/tokens/typeorm-internals.spec.ts', 'a connection that was given up does not come back'],
  },
  destroyedConnection: {
    package: 'mysql2',
    part: 'the release() of a destroyed connection that does nothing',
    seenOn: ['3', '3'],
    without: 'Giving up a connection fails with 503.',
    test: ['test/tokens/typeorm-internals.spec.ts', 'a connection that was given up does not come back'],
  },
} as const satisfies Record<string, PrivatePart>;

/** The members of TypeORM's drivers that hold what the driver beneath gave them. */
interface Held {
  master?: object | undefined;
  slaves?: readonly object[];
  pool?: object | undefined;
  poolCluster?: object | undefined;
  databaseConnection?: object | undefined;
}

/** The pools of a data source, those of replicas too; none where the database has no pool. */
export function poolsOf<TPool extends object>({ driver }: DataSource): TPool[] {
  const { master, pool, poolCluster, slaves = [] } = driver as Held;
  return [master, pool, poolCluster, ...slaves].filter((one) => one !== undefined && one !== null) as TPool[];
}

/** The pool of the primary; `undefined` where that is part of a cluster of pools. */
export function primaryPoolOf<TPool extends object>({ driver }: DataSource): TPool | undefined {
  const { master, pool } = driver as Held;
  return (master ?? pool) as TPool | undefined;
}

/** The one connection of SQLite. */
export function sqliteConnectionOf<TConnection extends object>({ driver }: DataSource): TConnection | undefined {
  return (driver as Held).databaseConnection as TConnection | undefined;
}

/** The data source that something of TypeORM's belongs to; its name up to TypeORM 0.3 was `connection`. */
export function dataSourceOf(holder: QueryRunner | EntityManager | QueryBuilder<ObjectLiteral>): DataSource {
  return holder.dataSource ?? (holder as unknown as { connection: DataSource }).connection;
}

/** What `@RelationCount` counts, which only TypeORM 0.3 has. */
export function relationCountsOf(metadata: EntityMetadata): readonly { propertyName: string }[] {
  return (metadata as { relationCounts?: { propertyName: string }[] }).relationCounts ?? [];
}

/**
 * The same data source without the cache that its option `cache` puts before its queries, with `alwaysEnabled` before all
 * of them: a session that was read before it was revoked would live on (R71). Saying so to each query is not enough:
 * TypeORM makes some of its own, for `getExists` and for relations.
 */
export function uncached(dataSource: DataSource): DataSource {
  return Object.create(dataSource, { queryResultCache: { value: undefined } }) as DataSource;
}

/** @throws AuthentifyConfigurationError where a data source has a cache that {@link uncached} would not keep away. */
export function assertCanBeUncached(dataSource: DataSource): void {
  if (!dataSource.options.cache) return;
  const asked = dataSourceOf(uncached(dataSource).createQueryBuilder());
  if (dataSource.queryResultCache !== undefined && asked.queryResultCache === undefined) return;
  throw new AuthentifyConfigurationError('dataSource', `has the option cache: ${lackOf(STORE_PARTS.queryCache)}`);
}
