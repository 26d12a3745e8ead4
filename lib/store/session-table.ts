import { Inject, Injectable, Logger, type Type } from '@nestjs/common';
import type {
  Brackets,
  DataSource,
  EntityMetadata,
  FindOptionsWhere,
  ObjectLiteral,
  QueryRunner,
  Repository,
  SelectQueryBuilder,
} from 'typeorm';
import { AUTH_DATA_SOURCE, AUTH_TOKEN_ENTITY, AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { TransactionOptions } from '../options/call-options.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { markStrict, UNREADABLE } from '../sessions/context.js';
import { runStatement } from './database-errors.js';
import { checkEngine } from './engine.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';
import { hide } from '../sessions/hidden.js';
import type { StoredDigests, StoredSession } from '../sessions/session-store.js';
import { isSpelledAsStored, userKeyOf } from './user-keys.js';
import { ownerOf } from './users.js';
import { Connections } from './drivers/connections.js';
import { SqlComment } from './drivers/sql-comment.js';
import type { StatementSource } from './drivers/statement.js';
import { onConnection } from './drivers/typeorm.js';
import { assertCanBeUncached, uncached } from './drivers/typeorm-internals.js';
import { type Transaction, transactionOf } from './transaction.js';

type Rows = Repository<AbstractAuthToken>;
type Changes = Parameters<Rows['update']>[1];

/** Sessions of which it was told that their context cannot be read; so many are enough to know. */
const unreadable = new Set<string>();
const MOST_TOLD = 100;

export const DIGEST_COLUMNS = [
  'accessTokenHash',
  'refreshTokenHash',
  'refreshFamilyHash',
  'previousRefreshTokenHash',
  'rotationSalt',
] as const satisfies readonly (keyof StoredDigests)[];

/**
 * Where the rows are: the token entity in its data source, its owner's key, and what runs statements there: each on a
 * connection of the pool to the primary, or all in the app's transaction.
 */
@Injectable()
export class SessionTable<TToken extends AnyAuthToken = AbstractAuthToken> {
  /** The app's transaction that this table's statements are part of. */
  transaction?: Transaction;

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(AUTH_DATA_SOURCE) private readonly dataSource: DataSource,
    @Inject(AUTH_TOKEN_ENTITY) private readonly entity: Type<TToken>,
  ) {}

  /** The transaction that a call was given. @throws TypeError for a manager it cannot use. */
  transactionOf({ manager }: TransactionOptions): Transaction | undefined {
    return transactionOf(manager, this.dataSource);
  }

  /** This table as the app's transaction has it. */
  within(transaction: Transaction): SessionTable<TToken> {
    const table = new SessionTable<TToken>(this.options, this.dataSource, this.entity);
    table.transaction = transaction;
    return table;
  }

  get rows(): Rows {
    return this.dataSource.getRepository<AbstractAuthToken>(this.entity);
  }

  /** Where compiled statements of this table go. */
  get statements(): StatementSource {
    const { dataSource, options } = this;
    const { comment } = this;
    return { dataSource, metadata: this.rows.metadata, preparedStatements: options.preparedStatements, comment };
  }

  /** @throws AuthentifyConfigurationError when the data source does not know the entity, or it has no usable owner. */
  check(): void {
    const name = this.entity.name;
    if (!this.dataSource.isInitialized) {
      throw new AuthentifyConfigurationError(
        'dataSource',
        'is not initialized when the app starts; leave manualInitialization out, or initialize it in dataSourceFactory',
      );
    }
    if (!this.dataSource.hasMetadata(this.entity)) {
      throw new AuthentifyConfigurationError(
        'tokenEntity',
        `(${name}) is not registered in the TypeORM data source; add it to its "entities" ` +
          '(authTokenEntity(() => User) for the default one) or set autoLoadEntities: true',
      );
    }
    const metadata = this.dataSource.getMetadata(this.entity);
    if (ownerOf(metadata).relation.joinColumns.length !== 1) {
      throw new AuthentifyConfigurationError(
        'tokenEntity',
        `(${name}) has a user with a composite primary key; one column is supported`,
      );
    }
    this.assertOwnTable(metadata);
    assertCanBeUncached(this.dataSource);
    Connections.of(this.dataSource).watch();
  }

  /** @throws AuthentifyConfigurationError when the data source is of a kind that cannot keep sessions. */
  checkEngine(): Promise<void> {
    const changeNothing = () =>
      this.run(async (query) => (await query.delete().from(this.rows.target).where({ id: 'none' }).execute()).affected);
    return checkEngine(this.dataSource, changeNothing);
  }

  /** Keys of two kinds of users mean nothing to each other: in one table, a customer's token would be a colleague's. */
  private assertOwnTable(own: EntityMetadata): void {
    const usersOf = (metadata: EntityMetadata) => metadata.findRelationWithPropertyPath('user')?.inverseEntityMetadata;
    const { tablePath } = own;
    const other = this.dataSource.entityMetadatas.find(
      (metadata) => metadata.tablePath === tablePath && usersOf(metadata) !== usersOf(own),
    );
    if (!other) return;
    throw new AuthentifyConfigurationError(
      'tokenEntity',
      `(${this.entity.name}) and ${other.name} keep the sessions of different users in one table, ${tablePath}; ` +
        'give the registrations names, or the entities tables, of their own',
    );
  }

  /** A user's primary key, from the entity or the key itself. @throws TypeError for anything else (R21). */
  userKey(user: unknown): UserId {
    return userKeyOf(user, this.owners);
  }

  /**
   * A user's primary key as the database spells it, which is asked where the key's type does not tell. As given where there
   * is no such user.
   *
   * @throws TypeError as {@link userKey} does.
   */
  async storedUserKey(user: unknown): Promise<UserId> {
    const key = this.userKey(user);
    const { column, entity } = this.owners;
    if (isSpelledAsStored(user, this.owners)) return key;
    const [found] = await this.read((rows) =>
      rows
        .createQueryBuilder()
        .select(`user.${column.propertyPath}`, 'key')
        .from(entity.target, 'user')
        .where(column.createValueMap(key))
        .withDeleted()
        .limit(1)
        .getRawMany<{ key: unknown }>(),
    );
    return found ? (this.dataSource.driver.prepareHydratedValue(found.key, column) as UserId) : key;
  }

  /** The same for what is told of work that is done: a database that cannot answer any more makes it no failure. */
  spelledUserKey(user: unknown): Promise<UserId> {
    return this.storedUserKey(user).catch(() => this.userKey(user));
  }

  private get owners() {
    return { column: this.ownerColumn, entity: this.userMetadata, dataSource: this.dataSource };
  }

  /** Criteria: this user's rows, without a join. TypeORM takes an object with a falsy key, such as 0, for none. */
  ownedBy(userId: UserId): FindOptionsWhere<AbstractAuthToken> {
    return { user: userId };
  }

  /**
   * Reads in one statement, always from the primary: a replica may not know of a revocation yet (R48). What goes on from
   * that query is read there too, and no cache answers (R71).
   */
  read<T>(select: (rows: SelectQueryBuilder<AbstractAuthToken>) => Promise<T>): Promise<T> {
    return this.run((query) => select(query.select('token').from(this.entity as Type<AbstractAuthToken>, 'token')));
  }

  /**
   * Changes the rows that meet the criteria, and what is asked beside them; returns how many. A function is asked once
   * there is a connection (R28).
   */
  update(
    criteria: FindOptionsWhere<AbstractAuthToken>,
    changes: Changes | (() => Changes),
    also?: Brackets,
  ): Promise<number> {
    return this.run(async (query) => {
      const set = this.heard(typeof changes === 'function' ? changes() : changes);
      const rows = query.update(this.rows.target).set(set).where(criteria);
      if (also) rows.andWhere(also);
      return (await rows.execute()).affected ?? 0;
    });
  }

  /** Deletes the rows that meet the criteria, and what is asked beside them; returns how many. */
  delete(criteria: FindOptionsWhere<AbstractAuthToken>, also?: Brackets): Promise<number> {
    return this.run(async (query) => {
      const rows = query.delete().from(this.rows.target).where(criteria);
      if (also) rows.andWhere(also);
      return (await rows.execute()).affected ?? 0;
    });
  }

  /** Changes as TypeORM tells a class of them that has `@BeforeUpdate` or `@AfterUpdate`: as an entity. */
  private heard(changes: Changes): Changes {
    const { beforeUpdateListeners, afterUpdateListeners, target } = this.rows.metadata;
    if (beforeUpdateListeners.length + afterUpdateListeners.length === 0) return changes;
    // Made without the constructor, whose values would be written over those of the row.
    return Object.assign(Object.create((target as Type<unknown>).prototype as object) as object, changes);
  }

  /**
   * Runs one statement on a connection, whichever packages may say which manager is the current one: a query to begin
   * with, on that connection.
   */
  run<T>(statement: (query: SelectQueryBuilder<ObjectLiteral>) => Promise<T>): Promise<T> {
    const on = (queryRunner: QueryRunner): Promise<T> =>
      statement(uncached(this.dataSource).createQueryBuilder(this.comment.on(queryRunner)));
    if (this.transaction) return this.transaction.run(on);
    return runStatement(this.dataSource, () => onConnection(this.dataSource, on));
  }

  private get comment(): SqlComment {
    return new SqlComment(this.options.sqlComment, this.dataSource);
  }

  /** Makes an entity fit to leave the library: its context as strict as configured, its user hiddenField by serialisers. */
  release<TRow extends AbstractAuthToken>(row: TRow): TToken {
    if (this.options.strictContextAccess) markStrict(row);
    hide(row, 'user');
    // As some apps' drivers read large integers; JSON cannot carry them.
    if (typeof (row.userId as unknown) === 'bigint') row.userId = this.userKey(row.userId);
    const context = row.context as object | null;
    if (context === null || context === UNREADABLE) refuse(row);
    return row as unknown as TToken;
  }

  /** Takes the digests apart from an entity that was loaded with them. */
  detach(row: AbstractAuthToken): StoredSession<TToken> {
    const digests: StoredDigests = {
      accessTokenHash: row.accessTokenHash ?? '',
      refreshTokenHash: row.refreshTokenHash ?? null,
      refreshFamilyHash: row.refreshFamilyHash ?? null,
      previousRefreshTokenHash: row.previousRefreshTokenHash ?? null,
      rotationSalt: row.rotationSalt ?? null,
    };
    for (const name of [...DIGEST_COLUMNS, 'pruneAt'] as const) delete row[name];
    return { session: this.release(row), digests };
  }

  /** The user entity. The owner's column alone may be that of a parent in a table inheritance. */
  get userMetadata(): EntityMetadata {
    return ownerOf(this.dataSource.getMetadata(this.entity)).relation.inverseEntityMetadata;
  }

  /** The column of the user entity that sessions refer to. */
  get ownerColumn(): EntityMetadata['columns'][number] {
    return ownerOf(this.dataSource.getMetadata(this.entity)).column;
  }
}

const logger = new Logger(SessionTable.name);

/** One such row says nothing about the others: it is listed and can be ended, and its tokens are good for nothing (R65). */
function refuse(row: AbstractAuthToken): void {
  Object.assign(row, { context: UNREADABLE });
  if (unreadable.has(row.id) || unreadable.size === MOST_TOLD) return;
  unreadable.add(row.id);
  logger.error(`Session ${row.id} is refused: its context is not a JSON object. End the session, or repair its row`);
}
