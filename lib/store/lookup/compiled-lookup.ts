import type { AbstractAuthToken, AnyAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { aboutSubscribers, hasMethod, listensTo } from '../drivers/subscribers.js';
import type { StoredSession } from '../../sessions/session-store.js';
import { DIGEST_COLUMNS, type SessionTable } from '../session-table.js';
import type { Transaction } from '../transaction.js';
import { DigestQuery } from './digest-query.js';
import { LookupQueue, rowUnder } from './queue.js';

/**
 * Looks sessions up by compiled statements, those of requests in as few as possible, those of a transaction each on its
 * own connection.
 */
export class CompiledLookup<TToken extends AnyAuthToken> {
  /** Whether a subscriber wants to see what is loaded, of which only TypeORM can tell it. */
  readonly isWatched: () => boolean;
  private readonly access: DigestQuery;
  private readonly family: DigestQuery;
  private readonly accessQueue: LookupQueue;
  private readonly familyQueue: LookupQueue;

  /** @throws NotCompilableError for an entity that only TypeORM can read. */
  constructor(private readonly table: SessionTable<TToken>) {
    this.access = new DigestQuery(table.statements, 'accessTokenHash', ['accessTokenHash']);
    this.family = new DigestQuery(table.statements, 'refreshFamilyHash', DIGEST_COLUMNS);
    this.accessQueue = new LookupQueue((digests) => this.access.find(digests));
    this.familyQueue = new LookupQueue((digests) => this.family.find(digests));
    const targets = this.access.entities.map(({ target }) => target);
    this.isWatched = aboutSubscribers(table.statements.dataSource, (subscribers) =>
      subscribers.some((one) => hasMethod(one, 'afterLoad') && targets.some((target) => listensTo(one, target))),
    );
  }

  async byAccessToken(digests: readonly string[], transaction?: Transaction): Promise<TToken | null> {
    const row = transaction
      ? rowUnder(digests, await this.access.find(digests, transaction))
      : await this.accessQueue.find(digests);
    return row ? this.table.release(this.access.entityOf(row) as AbstractAuthToken) : null;
  }

  async byFamily(digests: readonly string[], transaction?: Transaction): Promise<StoredSession<TToken> | null> {
    const row = transaction
      ? rowUnder(digests, await this.family.find(digests, transaction))
      : await this.familyQueue.find(digests);
    if (!row) return null;
    return {
      session: this.table.release(this.family.entityOf(row) as AbstractAuthToken),
      digests: this.family.digestsOf(row),
    };
  }
}
