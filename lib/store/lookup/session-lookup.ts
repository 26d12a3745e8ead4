import { Injectable, Logger } from '@nestjs/common';
import { from, lastValueFrom, timeout } from 'rxjs';
import type { Milliseconds } from '../../options/duration.js';
import type { AbstractAuthToken, AnyAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { CompiledLookup } from './compiled-lookup.js';
import { NotCompilableError } from './plain-entity.js';
import { OrmLookup } from './orm-lookup.js';
import type { StoredSession } from '../../sessions/session-store.js';
import { SessionTable } from '../session-table.js';

/** How many sessions are asked for in one statement. */
const BATCH = 1_000;
/** How long the database may take to answer for them. */
const PATIENCE: Milliseconds = 10_000;

/** The read path: one row with its user, by digest, in one statement, from the primary (R22, R48). */
@Injectable()
export class SessionLookup<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger(SessionLookup.name);
  private readonly orm: OrmLookup<TToken>;
  /** `null` for entities that only TypeORM can read. */
  private compiled?: CompiledLookup<TToken> | null;
  private hasWarnedOfSubscriber = false;

  constructor(private readonly table: SessionTable<TToken>) {
    this.orm = new OrmLookup(table);
  }

  /** The same look-ups in an app's transaction. */
  within(table: SessionTable<TToken>): SessionLookup<TToken> {
    const lookup = new SessionLookup(table);
    this.prepare();
    lookup.compiled = this.compiled ?? null;
    lookup.hasWarnedOfSubscriber = this.hasWarnedOfSubscriber;
    return lookup;
  }

  /** @param digests of one access token, one per key. */
  byAccessToken(digests: readonly string[]): Promise<TToken | null> {
    return this.prepare().byAccessToken(digests, this.table.transaction);
  }

  /** @param digests of one family part, one per key. */
  byFamily(digests: readonly string[]): Promise<StoredSession<TToken> | null> {
    return this.prepare().byFamily(digests, this.table.transaction);
  }

  /**
   * Sessions by id with their users, ended ones too; those that are gone are left out. A database that hangs counts as one
   * that cannot answer: it must not keep expired sessions open.
   */
  async byIds(ids: readonly string[]): Promise<TToken[]> {
    const found: TToken[] = [];
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = from(this.orm.byIds(ids.slice(start, start + BATCH)));
      found.push(...(await lastValueFrom(batch.pipe(timeout(PATIENCE)))));
    }
    return found;
  }

  /**
   * The way to read sessions now: compiled, once the data source knows its entities, or through TypeORM, where that does
   * more than read columns, or a subscriber hears of what is loaded. The log says so once: the app's choice costs it time.
   */
  prepare(): CompiledLookup<TToken> | OrmLookup<TToken> {
    if (this.compiled === undefined) this.compiled = this.compile();
    if (!this.compiled) return this.orm;
    if (!this.compiled.isWatched()) return this.compiled;
    if (!this.hasWarnedOfSubscriber) {
      this.hasWarnedOfSubscriber = true;
      this.explain('a subscriber has afterLoad', 'give it a listenTo() that names other entities');
    }
    return this.orm;
  }

  private compile(): CompiledLookup<TToken> | null {
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
}
