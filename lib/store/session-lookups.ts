import { Logger } from '@nestjs/common';
import { from, lastValueFrom, timeout } from 'rxjs';
import type { EntityMetadata, SelectQueryBuilder } from 'typeorm';
import type { Milliseconds } from '../options/duration.js';
import type { AbstractAuthToken, AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { SessionStore, type StoredSession } from '../sessions/session-store.js';
import { CompiledLookup } from './lookup/compiled-lookup.js';
import { NotCompilableError } from './lookup/plain-entity.js';
import { DIGEST_COLUMNS, type SessionTable } from './session-table.js';
import { joinUser } from './users.js';

type Rows = SelectQueryBuilder<AbstractAuthToken>;

/** How many sessions are asked for by id in one statement. */
const BATCH = 1_000;
/** How long the database may take to answer for them. */
const PATIENCE: Milliseconds = 10_000;

/** How sessions are read, found out once for a store and for all that stand in transactions. */
interface Reading<TToken extends AnyAuthToken> {
  /** `null` for entities that only TypeORM can read. */
  compiled?: CompiledLookup<TToken> | null;
  hasExplainedSubscriber?: true;
}

/**
 * The part of the store that every request waits for: one session with its user, by digest, in one statement, from the
 * primary (R22, R48). The statement is compiled, or TypeORM's own where TypeORM does more than read columns.
 */
export abstract class SessionLookups<TToken extends AnyAuthToken> extends SessionStore<TToken> {
  protected abstract readonly table: SessionTable<TToken>;
  protected reading: Reading<TToken> = {};
  protected readonly logger = new Logger(SessionStore.name);

  async findByAccess(digests: readonly string[]): Promise<TToken | null> {
    const compiled = this.compiledLookup();
    if (compiled) return compiled.byAccessToken(digests, this.table.transaction);
    return (await this.select('accessTokenHash', digests))?.session ?? null;
  }

  async findByFamily(digests: readonly string[]): Promise<StoredSession<TToken> | null> {
    const compiled = this.compiledLookup();
    return compiled ? compiled.byFamily(digests, this.table.transaction) : this.select('refreshFamilyHash', digests);
  }

  /** A database that hangs counts as one that cannot answer: it must not keep expired sessions open. */
  async findByIds(ids: readonly string[]): Promise<TToken[]> {
    const found: TToken[] = [];
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = this.table.read((rows) =>
        this.withRelations(rows)
          .where('token.id IN (:...ids)', { ids: ids.slice(start, start + BATCH) })
          .getMany(),
      );
      const rows = await lastValueFrom(from(batch).pipe(timeout(PATIENCE)));
      found.push(...rows.map((row) => this.table.release(row)));
    }
    return found;
  }

  /**
   * The compiled look-up, made once the data source knows its entities; `null` where TypeORM has to read, because it does
   * more than read columns or a subscriber hears of loaded entities. The log says so once: the app's choice costs it time.
   */
  protected compiledLookup(): CompiledLookup<TToken> | null {
    const { reading } = this;
    if (reading.compiled === undefined) reading.compiled = this.compileLookup();
    if (!reading.compiled?.isWatched()) return reading.compiled;
    if (!reading.hasExplainedSubscriber) {
      reading.hasExplainedSubscriber = true;
      this.explain('a subscriber has afterLoad', 'give it a listenTo() that names other entities');
    }
    return null;
  }

  private compileLookup(): CompiledLookup<TToken> | null {
    try {
      return new CompiledLookup(this.table);
    } catch (error) {
      if (!(error instanceof NotCompilableError)) throw error;
      this.explain(error.message, error.remedy);
      return null;
    }
  }

  /** Warns only where no app can do anything about it: then this library has to. */
  private explain(reason: string, remedy?: string): void {
    const message = `Sessions are read through TypeORM, several times slower: ${reason}`;
    if (remedy !== undefined) this.logger.log(`${message}. For the fast way ${remedy}`);
    else this.logger.warn(`${message}. Please report this with your version of TypeORM`);
  }

  private async select(
    column: 'accessTokenHash' | 'refreshFamilyHash',
    digests: readonly string[],
  ): Promise<StoredSession<TToken> | null> {
    const found = await this.table.read((rows) =>
      this.withRelations(rows)
        .addSelect(DIGEST_COLUMNS.map((name) => `token.${name}`))
        .where(`token.${column} IN (:...digests)`, { digests })
        .getMany(),
    );
    // A database's collation may be generous; bytes decide (R4).
    const row = found.find((candidate) => digests.includes(candidate[column] ?? ''));
    return row ? this.table.detach(row) : null;
  }

  /** Joined from the left, so that the row of a soft-deleted user is found, without a user. */
  private withRelations(rows: Rows): Rows {
    const { metadata } = this.table.rows;
    const user = metadata.findRelationWithPropertyPath('user');
    joinUser(rows, this.table.userMetadata);
    joinEager(rows, 'token', metadata);
    if (user) joinEager(rows, 'user', user.inverseEntityMetadata);
    return rows;
  }
}

/** Joins everything that an entity declares `eager`, as TypeORM's own `find` does. */
function joinEager(rows: Rows, alias: string, metadata: EntityMetadata): void {
  for (const relation of metadata.eagerRelations) {
    if (alias === 'token' && relation.propertyPath === 'user') continue;
    const joined = `${alias}_${relation.propertyName}`;
    rows.leftJoinAndSelect(`${alias}.${relation.propertyPath}`, joined);
    joinEager(rows, joined, relation.inverseEntityMetadata);
  }
}
