import type { EntityMetadata, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { StoredDigests } from '../../sessions/session-store.js';
import type { Transaction } from '../transaction.js';
import { CompiledEntity, type Place } from './compiled-entity.js';
import type { Row } from '../drivers/driver.js';
import { prepareStatement, type Statement, type StatementSource } from '../drivers/statement.js';

type DigestColumn = keyof StoredDigests;

/** Looks sessions up by digests of one column, with their users and what is eager, by statements compiled once. */
export class DigestQuery {
  /** Makes the entity of a row. */
  readonly entityOf: (row: Row) => ObjectLiteral | null;
  private readonly selection: CompiledEntity;
  /** Where the digest columns are in the rows. */
  private readonly places: ReadonlyMap<DigestColumn, Place>;
  private readonly select: SelectQueryBuilder<ObjectLiteral>;
  private readonly prepared: boolean;
  /** By how many digests they take. */
  private readonly statements = new Map<number, Statement>();

  /**
   * @param column the digest column to look at.
   * @param digests the digest columns to read, that one among them.
   * @throws NotCompilableError for an entity that only TypeORM can read.
   */
  constructor(
    private readonly source: StatementSource,
    private readonly column: DigestColumn,
    digests: readonly DigestColumn[],
  ) {
    const { dataSource, metadata, preparedStatements } = source;
    this.select = dataSource.createQueryBuilder().select([]).from(metadata.target, 'token');
    const selection = new CompiledEntity(dataSource, this.select);
    this.selection = selection;
    this.places = new Map(digests.map((name) => [name, selection.add(`token.${name}`)]));
    this.entityOf = selection.addEntity('token', metadata, metadata.findRelationWithPropertyPath('user'));
    // MySQL answers prepared statements in binary: 59.91 would be 59.90999984741211, unlike in the app's own queries.
    this.prepared = preparedStatements && !(selection.hasFloats && /^(mysql|mariadb)$/.test(dataSource.options.type));
    this.statementFor(1);
  }

  /** The entities that are read. */
  get entities(): readonly EntityMetadata[] {
    return this.selection.entities;
  }

  /** The rows by the digest they were found under; bytes decide, whatever the database's collation thinks (R4). */
  async find(digests: readonly string[], transaction?: Transaction): Promise<Map<string, Row>> {
    const values = padded(digests);
    const { rows } = await this.statementFor(values.length)(() => values, transaction);
    const at = this.places.get(this.column)?.at ?? 0;
    return new Map(rows.map((row) => [row[at] as string, row]));
  }

  /** The digests in a row, of the columns that are read. */
  digestsOf(row: Row): StoredDigests {
    return Object.fromEntries(
      [...this.places].map(([column, { at }]) => [column, row[at]]),
    ) as unknown as StoredDigests;
  }

  private statementFor(length: number): Statement {
    const known = this.statements.get(length);
    if (known) return known;
    const digests = Array.from({ length }, () => '');
    const [sql] = this.select
      .clone()
      .where(`token.${this.column} IN (:...digests)`, { digests })
      .getQueryAndParameters();
    this.selection.locate(sql);
    const statement = prepareStatement({ ...this.source, preparedStatements: this.prepared }, sql);
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
