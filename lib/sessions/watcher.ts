import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Observable, type Subscriber, type Subscription } from 'rxjs';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { AuthentifyEvent, RejectionReason, RevokedEvent } from '../events/authentify-event.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from './entities/abstract-auth-token.js';
import { deadlineOf } from './lifetimes.js';
import { LookupQueue } from './lookup-queue.js';
import { SessionChecks } from './verification.js';
import { SessionStore } from './session-store.js';

/** The longest that Node's timers can wait. */
const LONGEST_DELAY: Milliseconds = 2 ** 31 - 1;

/** Somebody who wants to know when a session is over. */
interface Watch {
  token: AnyAuthToken;
  subscriber: Subscriber<RejectionReason>;
}

/**
 * Reports when sessions end, for anything that outlives a request: sockets, server-sent events, streams.
 *
 * An ending in this process is reported at once, or after the commit of its transaction; an expiry when it happens. For
 * endings in other processes, the watcher checks the database when a watch begins and every `sessionCheckInterval`, with one
 * query for all watched sessions. A refresh or a slide moves the deadline. An outage of the database ends nothing.
 */
@Injectable()
export class SessionWatcher implements OnModuleDestroy {
  private readonly logger = new Logger(SessionWatcher.name);
  @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions;
  @Inject() private readonly checks: SessionChecks;
  @Inject() private readonly store: SessionStore;
  @Inject() private readonly events: AuthentifyEvents;
  readonly #watches = new Map<string, Set<Watch>>();
  /** One look at a time, at all that are in doubt; the store bounds how long it takes. */
  readonly #looks = new LookupQueue<Promise<void>>((ids) => this.#look(ids), { lanes: 1, gathers: true });
  #nextRound = 0;
  #wakeAt = Number.POSITIVE_INFINITY;
  #timer?: NodeJS.Timeout;
  #subscription?: Subscription;

  /**
   * Emits the reason when the session ends, at once if it has already ended, and completes. Never fails. The session is
   * watched while there is a subscriber, and the deadlines of the given entity are kept up to date.
   *
   * @example
   * ```ts
   * @Sse('prices')
   * prices(@CurrentToken() token: AuthToken) {
   *   return this.prices.pipe(takeUntil(this.sessions.ended(token)));
   * }
   * ```
   */
  ended(token: AnyAuthToken): Observable<RejectionReason> {
    return new Observable((subscriber) => {
      const watch: Watch = { token, subscriber };
      this.#add(watch);
      return () => this.#remove(watch);
    });
  }

  /** @internal Asks the database about a watched session now; those that are over are told of when this resolves. */
  check({ id }: Pick<AnyAuthToken, 'id'>): Promise<void> {
    return this.#ask([id]);
  }

  onModuleDestroy(): void {
    this.#watches.clear();
    this.#rest();
  }

  #add(watch: Watch): void {
    const { id } = watch.token;
    if (this.#watches.size === 0) {
      this.#nextRound = Date.now() + this.options.sessionCheckInterval;
      this.#subscription = this.events.subscribe((event) => this.#hear(event));
      this.#subscription.add(this.events.settled.subscribe((event) => this.#doubt(event)));
    }
    this.#watches.set(id, (this.#watches.get(id) ?? new Set()).add(watch));
    this.#wakeBy(Math.min(this.#nextRound, deadlineOf(watch.token)));
    // It may have ended since its token was verified, and nobody would say so again.
    void this.#ask([id]);
  }

  #remove(watch: Watch): void {
    const watches = this.#watches.get(watch.token.id);
    watches?.delete(watch);
    if (watches?.size === 0) this.#watches.delete(watch.token.id);
    if (this.#watches.size === 0) this.#rest();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#subscription?.unsubscribe();
  }

  #hear(event: AuthentifyEvent): void {
    // An ending in a transaction of the app may be rolled back; the rows are asked once that is over.
    if ((event.type !== 'revoked' && event.type !== 'reuse-detected') || event.inTransaction) return;
    if (event.sessionId !== undefined) this.#end(event.sessionId, 'revoked');
    else this.#doubt(event);
  }

  #doubt({ sessionId, userId }: Pick<RevokedEvent, 'sessionId' | 'userId'>): void {
    if (sessionId !== undefined) void this.#ask([sessionId]);
    else void this.#ask(this.#idsWhere((token) => mayBeSameKey(token.userId, userId)));
  }

  #wakeBy(time: number): void {
    if (time >= this.#wakeAt) return;
    this.#wakeAt = time;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), Math.min(Math.max(0, time - Date.now()), LONGEST_DELAY));
    this.#timer.unref();
  }

  /** A deadline that was reached may have been moved by another node: only the database can tell. */
  #wake(): void {
    const now = Date.now();
    const isRound = now >= this.#nextRound;
    if (isRound) this.#nextRound = now + this.options.sessionCheckInterval;
    void this.#ask(this.#idsWhere((token) => isRound || deadlineOf(token) <= now));

    const deadlines = [...this.#watches.values()].flatMap((set) => Array.from(set, ({ token }) => deadlineOf(token)));
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#wakeBy(deadlines.reduce((next, one) => (one > now && one < next ? one : next), this.#nextRound));
  }

  #idsWhere(condition: (token: AnyAuthToken) => boolean): string[] {
    return [...this.#watches].filter(([, set]) => [...set].some(({ token }) => condition(token))).map(([id]) => id);
  }

  async #ask(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#looks.find([id])));
  }

  /** Reads sessions and begins to judge them; the next look does not wait for the app's own function to judge. */
  async #look(ids: readonly string[]): Promise<Map<string, Promise<void>>> {
    const watched = ids.filter((id) => this.#watches.has(id));
    if (watched.length === 0) return new Map();
    const now = Date.now();
    const sessions = await this.#read(watched, now);
    return new Map(sessions ? watched.map((id) => [id, this.#judge(id, sessions.get(id), now)]) : []);
  }

  async #read(ids: readonly string[], now: number): Promise<Map<string, AbstractAuthToken> | undefined> {
    try {
      return new Map((await this.store.findByIds(ids)).map((session) => [session.id, session]));
    } catch (error) {
      if (this.#watches.size === 0) return undefined;
      this.logger.error(
        'Open sessions could not be checked; they stay until they expire or the next check',
        (error as Error).stack,
      );
      for (const id of this.#idsWhere((token) => deadlineOf(token) <= now)) this.#end(id, 'expired');
      return undefined;
    }
  }

  async #judge(id: string, session: AbstractAuthToken | undefined, now: number): Promise<void> {
    const watches = this.#watches.get(id) ?? new Set();
    if (!session) return this.#end(id, [...watches].some(({ token }) => token.isExpired) ? 'expired' : 'revoked');
    const { lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt, rotatedAt } = session;
    for (const { token } of watches) {
      Object.assign(token, { lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt, rotatedAt });
      this.#wakeBy(deadlineOf(token));
    }
    const reason = await this.#refusalOf(session, now);
    if (reason) this.#end(id, reason);
  }

  /** Why a session is over; `null` where it is not, or where the app's function fails to say. */
  async #refusalOf(session: AnyAuthToken, now: number): Promise<RejectionReason | null> {
    try {
      return await this.checks.refusalOf(session, { now, authType: undefined, deadline: session.expiresAt });
    } catch (error) {
      // A function that takes too long is reported where it is called, once.
      if (!(error instanceof AuthentifyUnavailableError)) {
        this.logger.error(
          `Session ${session.id} could not be judged; it stays until it expires or the next check`,
          error instanceof Error ? error.stack : undefined,
        );
      }
      return null;
    }
  }

  #end(id: string, reason: RejectionReason): void {
    const watches = [...(this.#watches.get(id) ?? [])];
    this.#watches.delete(id);
    if (this.#watches.size === 0) this.#rest();
    for (const { subscriber } of watches) {
      subscriber.next(reason);
      subscriber.complete();
    }
  }
}

/** Takes no notice of letter case, accents, width, kana, spaces and punctuation (UTS #10, primary strength). */
const LOOSEST = new Intl.Collator('und', { sensitivity: 'base', ignorePunctuation: true });

/**
 * Whether two keys may be one user's under some collation. Keys that differ here are two users' to every database; of
 * others only the database can tell.
 */
function mayBeSameKey(key: UserId | undefined, other: UserId | undefined): boolean {
  return key === other || LOOSEST.compare(String(key), String(other)) === 0;
}
