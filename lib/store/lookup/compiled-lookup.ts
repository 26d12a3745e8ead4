import type { EntityMetadata, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import type { Row } from '../drivers/driver.js';
import { prepareStatement, type Statement, type StatementSource } from '../drivers/statement.js';
import { aboutSubscribers, hasMethod, listensTo } from '../drivers/subscribers.js';
import type { StoredDigests, StoredSession } from '../../sessions/session-store.js';
import { DIGEST_COLUMNS, type SessionTable } from '../session-table.js';
import type { Transaction } from '../transaction.js';
import { CompiledEntity, type Place } from './compiled-entity.js';
import { LookupQueue, answerUnder } from '../../sessions/lookup-queue.js';

type DigestColumn = keyof StoredDigests;

/**
 * Looks sessions up by statements that are compiled once: those of requests in as few as possible, those of a transaction
 * each on its own connection.
 */
export class CompiledLookup<TToken extends AnyAuthToken> {
  /** Whether a subscriber has `afterLoad` for an entity that is read: only TypeORM can call it. */
  readonly isWatched: () => boolean;
  private readonly access: DigestQuery;
  private readonly family: DigestQuery;

  /** @throws NotCompilableError for an entity that only TypeORM can read. */
  constructor(private readonly table: SessionTable<TToken>) {
    const { statements } = table;
    this.access = new DigestQuery(statements, 'accessTokenHash', ['accessTokenHash']);
    this.family = new DigestQuery(statements, 'refreshFamilyHash', DIGEST_COLUMNS);
    const targets = this.access.entities.map(({ target }) => target);
    this.isWatched = aboutSubscribers(statements.dataSource, (subscribers) =>
      subscribers.some((one) => hasMethod(one, 'afterLoad') && targets.some((target) => listensTo(one, target))),
    );
  }

  async byAccessToken(digests: readonly string[], transaction?: Transaction): Promise<TToken | null> {
    const row = await this.access.find(digests, transaction);
    return row ? this.sessionOf(this.access, row) : null;
  }

  async byFamily(digests: readonly string[], transaction?: Transaction): Promise<StoredSession<TToken> | null> {
    const row = await this.family.find(digests, transaction);
    return row ? { session: this.sessionOf(this.family, row), digests: this.family.digestsOf(row) } : null;
  }

  private sessionOf(query: DigestQuery, row: Row): TToken {
    return this.table.release(query.entityOf(row) as AbstractAuthToken);
  }
}

/** Reads sessions by digests of one column, with their users and what is eager. */
class DigestQuery {
  /** Makes the entity of a row. */
  readonly entityOf: (row: Row) => ObjectLiteral | null;
  private readonly entity: CompiledEntity;
  /** The places of the digest columns in the rows. */
  private readonly places: ReadonlyMap<DigestColumn, Place>;
  private readonly select: SelectQueryBuilder<ObjectLiteral>;
  private readonly source: StatementSource;
  /** By how many digests they take. */
  private readonly statements = new Map<number, Statement>();
  private readonly queue = new LookupQueue<Row>((digests) => this.read(digests), {
    // The rest of the connection pool is the app's.
    lanes: 2,
    batch: 64,
    patience: 500,
    copy: copyOfRow,
  });

  /**
   * @param column the digest column to look at.
   * @param digests the digest columns to read, that one among them.
   * @throws NotCompilableError for an entity that only TypeORM can read.
   */
  constructor(
    source: StatementSource,
    private readonly column: DigestColumn,
    digests: readonly DigestColumn[],
  ) {
    const { dataSource, metadata, preparedStatements } = source;
    this.select = dataSource.createQueryBuilder().select([]).from(metadata.target, 'token');
    this.entity = new CompiledEntity(dataSource, this.select);
    this.places = new Map(digests.map((name) => [name, this.entity.add(`token.${name}`)]));
    this.entityOf = this.entity.addEntity('token', metadata, metadata.findRelationWithPropertyPath('user'));
    // MySQL answers prepared statements in binary: 59.91 would be 59.90999984741211, unlike in the app's own queries.
    const isExact = !this.entity.hasFloats || !/^(mysql|mariadb)$/.test(dataSource.options.type);
    this.source = { ...source, preparedStatements: preparedStatements && isExact };
    this.statementFor(1);
  }

  /** The entities that are read. */
  get entities(): readonly EntityMetadata[] {
    return this.entity.entities;
  }

  /** The row under one of these digests, which are those of one token, one per key. */
  find(digests: readonly string[], transaction?: Transaction): Promise<Row | undefined> {
    if (!transaction) return this.queue.find(digests);
    return this.read(digests, transaction).then((rows) => answerUnder(digests, rows));
  }

  /** The digests in a row, of the columns that are read. */
  digestsOf(row: Row): StoredDigests {
    const digests = Array.from(this.places, ([column, { at }]) => [column, row[at]] as const);
    return Object.fromEntries(digests) as unknown as StoredDigests;
  }

  /** The rows by the digest they were found under; bytes decide, whatever the database's collation thinks (R4). */
  private async read(digests: readonly string[], transaction?: Transaction): Promise<Map<string, Row>> {
    const values = padded(digests);
    const { rows } = await this.statementFor(values.length)(() => values, transaction);
    const at = this.places.get(this.column)?.at ?? 0;
    return new Map(rows.map((row) => [row[at] as string, row]));
  }

  private statementFor(length: number): Statement {
    const known = this.statements.get(length);
    if (known) return known;
    const digests = Array.from({ length }, () => '');
    const [sql] = this.select
      .clone()
      .where(`token.${this.column} IN (:...digests)`, { digests })
      .getQueryAndParameters();
    this.entity.locate(sql);
    const statement = prepareStatement(this.source, sql);
    this.statements.set(length, statement);
    return statement;
  }
}

/** Filled up with its last element to a power of two, so that there are few statements to prepare. */
function padded(digests: readonly string[]): string[] {
  if (digests.length === 1) return [...digests];
  const length = 2 ** Math.ceil(Math.log2(digests.length));
  return Array.from({ length }, (_, index) => digests[Math.min(index, digests.length - 1)] ?? '');
}

/** A row of one's own, for the second and every further request that a look-up answers. */
export function copyOfRow(row: Row): Row {
  return row.map(copyOf);
}

/** A request could change a value that the driver parsed, such as JSON or a date; values of other classes are shared. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  return Array.isArray(value) || value instanceof Date || isPlain(value) ? structuredClone(value) : value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
