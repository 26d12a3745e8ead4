import { Injectable, Logger } from '@nestjs/common';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { CompiledLookup } from './lookup/compiled-lookup.js';
import { NotCompilableError } from './lookup/entity-selection.js';
import { OrmLookup } from './lookup/orm-lookup.js';
import { type StoredToken, TokenTable } from './token-table.js';

/** How many sessions are asked for in one statement. */
const BATCH = 1_000;

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

  /** Sessions by id with their users, ended ones too; those that are gone are left out. */
  async byIds(ids: readonly string[]): Promise<TToken[]> {
    const lookup = new OrmLookup(this.table);
    const found: TToken[] = [];
    for (let start = 0; start < ids.length; start += BATCH) {
      found.push(...(await lookup.byIds(ids.slice(start, start + BATCH))));
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
