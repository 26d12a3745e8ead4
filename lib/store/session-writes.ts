import { Inject, Injectable } from '@nestjs/common';
import {
  type Brackets,
  type EntityMetadata,
  type EntitySubscriberInterface,
  type FindOptionsWhere,
  In,
  IsNull,
  LessThanOrEqual,
  MoreThan,
  Not,
} from 'typeorm';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { AdminAttribution, SessionDeadlines } from '../events/authentify-event.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import { MarkedEvents } from '../events/marked-events.js';
import type { TransactionOptions } from '../options/call-options.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import {
  type AbstractAuthToken,
  type AnyAuthToken,
  type RevokedReason,
  stored,
  type UserId,
} from '../sessions/entities/abstract-auth-token.js';
import { type Deadlines, pruneAtOf } from '../sessions/lifetimes.js';
import type { Ending, NewSession, Replaced, StoredDigests, StoredSession } from '../sessions/session-store.js';
import { isLost, isUnanswered } from './database-errors.js';
import { compileInsert, compileUpdate, type Write } from './drivers/statement.js';
import { aboutSubscribers, hasMethod, listensTo } from './drivers/subscribers.js';
import { prunable } from './session-conditions.js';
import { SessionReads } from './session-reads.js';
import { SessionTable } from './session-table.js';

type Criteria = FindOptionsWhere<AbstractAuthToken>;

/** What a rotation sets. */
const ROTATED = [
  'accessTokenHash',
  'refreshTokenHash',
  'refreshFamilyHash',
  'previousRefreshTokenHash',
  'rotationSalt',
  'rotatedAt',
  'lastRefreshedAt',
  'expiresAt',
  'refreshUntil',
  'pruneAt',
] satisfies (keyof AbstractAuthToken)[];

/** What a login sets. */
const INSERTED: readonly string[] = [
  ...ROTATED,
  'id',
  'user',
  'authType',
  'context',
  'createdAt',
  'sessionExpiresAt',
  'revokedAt',
  'revokedReason',
] satisfies (keyof AbstractAuthToken)[];

/** A write that was compiled, and whether a listener or subscriber of the app wants to hear of it, from TypeORM. */
interface CompiledWrite {
  write: Write;
  isHeard: () => boolean;
}

/**
 * The store, and every statement that changes a session: each a single one whose affected rows decide, each repeating
 * `revoked_at IS NULL` so that a revoked session never comes back (R18), each followed by its event.
 *
 * The two writes that clients wait for, of a login and of a refresh, are compiled once; TypeORM itself sends them only
 * where the app listens to them.
 */
@Injectable()
export class SessionWrites<TToken extends AnyAuthToken = AbstractAuthToken> extends SessionReads<TToken> {
  /** Compiled when first needed: once the data source knows its entities. `null` = TypeORM has to. */
  private compiledWrites?: { insert: CompiledWrite | null; rotate: CompiledWrite };

  constructor(
    protected readonly table: SessionTable<TToken>,
    readonly events: AuthentifyEvents,
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
  ) {
    super();
  }

  get isInTransaction(): boolean {
    return this.table.transaction !== undefined;
  }

  within(options: TransactionOptions | undefined): SessionWrites<TToken> {
    const transaction = options && this.table.transactionOf(options);
    if (!transaction) return this;
    const table = this.table.within(transaction);
    const events = new MarkedEvents(this.events, { inTransaction: true });
    return this.with({ table, events });
  }

  attributedTo(attribution: AdminAttribution): SessionWrites<TToken> {
    return this.with({ events: new MarkedEvents(this.events, attribution) });
  }

  check(): void {
    this.table.check();
  }

  async prepare(): Promise<void> {
    this.table.check();
    await this.table.checkEngine();
    this.compiledLookup();
  }

  async insert(session: NewSession, userId: UserId): Promise<TToken> {
    const { columns, lazyRelations } = this.table.rows.metadata;
    const row: AbstractAuthToken = Object.assign(this.table.rows.create(), session, {
      rotatedAt: null,
      revokedAt: null,
      revokedReason: null,
      pruneAt: pruneAtOf(session),
    });
    // An INSERT of TypeORM's would load them, which nobody waits for: the process would die where that fails (R72).
    for (const relation of lazyRelations) if (relation.isOwning) relation.setEntityValue(row, null);
    row.user = userId;
    await this.insertRow(row);
    for (const column of columns) {
      if (column.isSelect && column.getEntityValue(row) === undefined) column.setEntityValue(row, null);
    }
    delete row.user;
    row.userId = userId;
    return this.table.detach(row).session;
  }

  private async insertRow(row: AbstractAuthToken): Promise<void> {
    const { insert } = this.writes;
    if (insert && !insert.isHeard()) {
      await insert.write(() => row as unknown as Record<string, unknown>, this.table.transaction);
      return;
    }
    const { target } = this.table.rows;
    await this.table.run((query) =>
      query
        .insert()
        .into(target)
        .values(row as never)
        .execute(),
    );
  }

  async rotate(session: TToken, { digest, now }: Replaced, columns: StoredDigests & Deadlines): Promise<Date | null> {
    const { id, userId, authType } = session;
    let rotatedAt = new Date(now);
    const set = () => {
      // Anew for each attempt, once there is a connection (R28).
      rotatedAt = new Date(Math.max(now, Date.now()));
      return { ...columns, pruneAt: pruneAtOf(columns), rotatedAt };
    };
    const { rotate } = this.writes;
    const changed = rotate.isHeard()
      ? await this.table.update({ id, refreshTokenHash: digest, revokedAt: IsNull() }, set)
      : await rotate.write(() => ({ ...set(), id, presentedDigest: digest }), this.table.transaction);
    if (changed !== 1) return null;
    this.events.emit({ type: 'refreshed', sessionId: id, userId, authType });
    return rotatedAt;
  }

  private get writes(): NonNullable<typeof this.compiledWrites> {
    this.compiledWrites ??= this.compileWrites();
    return this.compiledWrites;
  }

  private compileWrites(): NonNullable<typeof this.compiledWrites> {
    const { statements } = this.table;
    const { metadata } = statements;
    const { beforeInsertListeners, afterInsertListeners, beforeUpdateListeners, afterUpdateListeners } = metadata;
    const isHeard = (listeners: readonly unknown[], ...events: (keyof EntitySubscriberInterface)[]): (() => boolean) =>
      listeners.length > 0
        ? () => true
        : aboutSubscribers(statements.dataSource, (subscribers) =>
            subscribers.some((one) => events.some((event) => hasMethod(one, event)) && listensTo(one, metadata.target)),
          );
    const rotate = compileUpdate(statements, {
      set: ROTATED,
      where: '{id} = :id AND {refreshTokenHash} = :presentedDigest AND {revokedAt} IS NULL',
    });
    return {
      insert: hasOnlyOurColumns(metadata)
        ? {
            write: compileInsert(statements, INSERTED),
            isHeard: isHeard([...beforeInsertListeners, ...afterInsertListeners], 'beforeInsert', 'afterInsert'),
          }
        : null,
      rotate: {
        write: rotate,
        isHeard: isHeard([...beforeUpdateListeners, ...afterUpdateListeners], 'beforeUpdate', 'afterUpdate'),
      },
    };
  }

  async slide(
    session: TToken,
    accessDigests: readonly string[],
    { now, deadlines, forgetsRotation }: { now: number; deadlines: Deadlines; forgetsRotation: boolean },
  ): Promise<boolean> {
    const { id, userId, authType, lastRefreshedAt } = session;
    const asRead: Criteria = {
      id,
      accessTokenHash: In(accessDigests),
      lastRefreshedAt,
      revokedAt: IsNull(),
      expiresAt: MoreThan(stored(now)),
    };
    const set = { ...deadlines, pruneAt: pruneAtOf(deadlines), ...(forgetsRotation && { rotationSalt: null }) };
    if ((await this.table.update(asRead, set)) !== 1) return false;
    this.events.emit({ type: 'slid', sessionId: id, userId, authType });
    return true;
  }

  async end(ids: readonly string[], ending: Ending): Promise<number> {
    const count = await this.endWhere({ id: In(ids) }, ending.reason, ending.now);
    this.tellEnded(ids, count, ending);
    return count;
  }

  tellEnded(ids: readonly string[], count: number, { reason, userId }: Ending): void {
    this.tellRevoked(count, { reason, userId, sessionId: ids.length === 1 ? ids[0] : undefined });
  }

  async endOwn(user: unknown, id: string, now: number): Promise<number> {
    const own = this.table.ownedBy(this.table.userKey(user));
    const count = await this.endWhere({ id: In([id]), ...own }, 'revoked', now);
    if (count > 0) {
      this.tellRevoked(count, {
        reason: 'revoked',
        userId: await this.table.spelledUserKey(user),
        sessionId: id,
      });
    }
    return count;
  }

  async endAllOf(user: unknown, now: number, exceptId?: string): Promise<number> {
    const own = this.table.ownedBy(this.table.userKey(user));
    const others = exceptId === undefined ? {} : { id: Not(exceptId) };
    const count = await this.endWhere({ ...own, ...others }, 'revoked-all', now);
    if (count > 0) {
      this.tellRevoked(count, { reason: 'revoked-all', userId: await this.table.spelledUserKey(user) });
    }
    return count;
  }

  async endForReuse({ session, digests }: StoredSession<TToken>, now: number): Promise<number> {
    const { id, userId, authType } = session;
    const { transaction } = this.table;
    const end = (): Promise<number> => this.endWhere({ id: In([id]) }, 'reuse-detected', now);
    const asRead: Criteria = { id, refreshTokenHash: digests.refreshTokenHash ?? IsNull() };
    const ended = transaction ? await this.endWhere(asRead, 'reuse-detected', now) : await end();
    if (transaction) {
      if (ended === 0) throw new AuthentifyUnavailableError();
      // Also where the app rolls back: once more on the same connection then, before the app goes on.
      await transaction.onceOver(() =>
        end().catch((error: Error) => this.logger.error(`Session ${id} was not ended for reuse`, error.stack)),
      );
    }
    if (ended > 0) this.events.emit({ type: 'reuse-detected', sessionId: id, userId, authType });
    return ended;
  }

  async withdraw(id: string, now: number): Promise<void> {
    await this.endWhere({ id: In([id]) }, 'revoked', now);
  }

  async prune(ids: readonly string[], now: number): Promise<number> {
    const these: Criteria = { id: In(ids) };
    if (this.options.keepExpiredTokens === false) return this.table.delete(these, prunable(now));
    const expired = await this.endWhere(these, 'expired', now, prunable(now));
    return expired + (await this.table.delete({ ...these, revokedAt: Not(IsNull()) }, prunable(now)));
  }

  wipeSalts(ids: readonly string[], rotatedUntil: Date): Promise<number> {
    const stale: Criteria = {
      id: In(ids),
      rotationSalt: Not(IsNull()),
      rotatedAt: LessThanOrEqual(stored(rotatedUntil.getTime())),
    };
    return this.table.update(stale, { rotationSalt: null });
  }

  async edit(session: TToken, columns: Deadlines & Pick<AnyAuthToken, 'sessionExpiresAt'>): Promise<boolean> {
    const from = deadlinesOf(session);
    const asRead: Criteria = {
      id: session.id,
      revokedAt: IsNull(),
      lastRefreshedAt: session.lastRefreshedAt,
      expiresAt: from.expiresAt ?? IsNull(),
      refreshUntil: from.refreshUntil ?? IsNull(),
      sessionExpiresAt: from.sessionExpiresAt ?? IsNull(),
    };
    if ((await this.table.update(asRead, { ...columns, pruneAt: pruneAtOf(columns) })) !== 1) return false;
    Object.assign(session, columns);
    const { id: sessionId, userId, authType } = session;
    this.events.emit({ type: 'edited', sessionId, userId, authType, from, to: deadlinesOf(session) });
    return true;
  }

  async delete(session: TToken, now: number): Promise<boolean> {
    const { id: sessionId, userId, authType } = session;
    const keptLongEnough: Criteria = { revokedAt: Not(IsNull()), pruneAt: LessThanOrEqual(stored(now)) };
    const deletable = this.options.keepExpiredTokens === false ? {} : keptLongEnough;
    if ((await this.table.delete({ id: sessionId, ...deletable })) !== 1) return false;
    // Where ended rows are not kept, one that was read before its end and is still there has not ended.
    if (session.revokedAt === null) this.tellRevoked(1, { reason: 'revoked', userId, sessionId });
    this.events.emit({ type: 'deleted', sessionId, userId, authType });
    return true;
  }

  isUnanswered(error: unknown): boolean {
    return isUnanswered(error);
  }

  isLost(error: unknown): boolean {
    return isLost(error);
  }

  /** The same store with another table or other events; what was compiled is shared. */
  private with({ table = this.table, events = this.events }: Partial<Part<TToken>>): SessionWrites<TToken> {
    const store = new SessionWrites(table, events, this.options);
    this.compiledLookup();
    store.reading = this.reading;
    store.compiledWrites = this.writes;
    return store;
  }

  private endWhere(criteria: Criteria, reason: RevokedReason, now: number, also?: Brackets): Promise<number> {
    const { keepExpiredTokens: keep } = this.options;
    const live: Criteria = { ...criteria, revokedAt: IsNull() };
    if (keep === false) return this.table.delete(live, also);
    const set = {
      revokedAt: new Date(now),
      revokedReason: reason,
      rotationSalt: null,
      pruneAt: keep === true ? null : new Date(now + keep),
    };
    return this.table.update(live, set, also);
  }

  private tellRevoked(
    count: number,
    told: { reason: RevokedReason; userId?: UserId | undefined; sessionId?: string | undefined },
  ): void {
    if (count === 0) return;
    const event = { type: 'revoked', count, ...told } as const;
    this.events.emit(event);
    const { settled } = this.events;
    // What a transaction ended is certain once that is over.
    if (settled.observed) void this.table.transaction?.onceOver(() => settled.next(event));
  }
}

/** The parts of a store that a transaction or an administrator changes. */
interface Part<TToken extends AnyAuthToken> {
  table: SessionTable<TToken>;
  events: AuthentifyEvents;
}

/** Whether an INSERT is nothing but the library's values: the app has no column of its own. */
function hasOnlyOurColumns({ columns }: EntityMetadata): boolean {
  return columns.every(({ embeddedMetadata, propertyName }) => !embeddedMetadata && INSERTED.includes(propertyName));
}

function deadlinesOf({ expiresAt, refreshUntil, sessionExpiresAt }: AnyAuthToken): SessionDeadlines {
  return Object.freeze({ expiresAt, refreshUntil, sessionExpiresAt });
}
