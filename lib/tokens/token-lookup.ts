import { Injectable, Logger } from '@nestjs/common';
import { from, lastValueFrom, timeout } from 'rxjs';
import type { Milliseconds } from '../options/duration.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { CompiledLookup } from './lookup/compiled-lookup.js';
import { NotCompilableError } from './lookup/entity-selection.js';
import { OrmLookup } from './lookup/orm-lookup.js';
import { type StoredToken, TokenTable } from './token-table.js';

/** How many sessions are asked for in one statement. */
const BATCH = 1_000;
/** How long the database may take to answer for them. */
const PATIENCE: Milliseconds = 10_000;

/** The read path: one row with its user, by digest, in one statement, from the primary (R22, R48). */
@Injectable()
export class TokenLookup<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger('AuthentifyModule');
  private compiled?: CompiledLookup<TToken> | OrmLookup<TToken>;

  constructor(private readonly table: TokenTable<TToken>) {}

  /** The same look-ups in an app's transaction. */
  within(table: TokenTable<TToken>): TokenLookup<TToken> {
    const lookup = new TokenLookup(table);
    const compiled = this.prepare();
    lookup.compiled = compiled instanceof CompiledLookup ? compiled : new OrmLookup(table);
    return lookup;
  }

  /** @param digests of one access token, one per key. */
  byAccessToken(digests: readonly string[]): Promise<TToken | null> {
    return this.prepare().byAccessToken(digests, this.table.transaction);
  }

  /** @param digests of one family part, one per key. */
  byFamily(digests: readonly string[]): Promise<StoredToken<TToken> | null> {
    return this.prepare().byFamily(digests, this.table.transaction);
  }

  /**
   * Sessions by id with their users, ended ones too; those that are gone are left out. A database that hangs counts as one
   * that cannot answer: it must not keep expired sessions open.
   */
  async byIds(ids: readonly string[]): Promise<TToken[]> {
    const lookup = new OrmLookup(this.table);
    const found: TToken[] = [];
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = from(lookup.byIds(ids.slice(start, start + BATCH)));
      found.push(...(await lastValueFrom(batch.pipe(timeout(PATIENCE)))));
    }
    return found;
  }

  /** Compiles the look-ups, once the data source knows its entities; warns where that cannot be done. */
  prepare(): CompiledLookup<TToken> | OrmLookup<TToken> {
    this.compiled ??= this.compile();
    return this.compiled;
  }

  private compile(): CompiledLookup<TToken> | OrmLookup<TToken> {
    try {
      return new CompiledLookup(this.table);
    } catch (error) {
      if (!(error instanceof NotCompilableError)) throw error;
      this.logger.warn(`Sessions are read through TypeORM, several times slower: ${error.message}`);
      return new OrmLookup(this.table);
    }
  }
}
