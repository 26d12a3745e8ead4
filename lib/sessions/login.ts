import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { checkNames, type OptionNames } from '../options/call-options.js';
import { DuplicateDigestError, isLost, isUnanswered } from '../store/database-errors.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from './entities/abstract-auth-token.js';
import { IssuedTokens } from './issued-tokens.js';
import type { JsonObject } from './json.js';
import {
  checkRefreshOutlivesAccess,
  deadlinesFrom,
  type LifetimeOverrides,
  type Lifetimes,
  pruneAtOf,
  readOverrides,
} from './lifetimes.js';
import type { Place } from './place.js';
import { assertOwner } from '../store/present-users.js';
import { toContext } from './context.js';
import { TokenPairFactory } from './token-secrets.js';
import { TokenRepository } from '../store/token.repository.js';
import { TokenTable } from '../store/session-table.js';
import { TRANSACTION_OPTIONS, type TransactionOptions } from '../store/transaction.js';
import { uuidAt } from './uuid.js';

/** What a login may decide about its session. */
export interface IssueTokenOptions<TContext extends object = JsonObject> extends LifetimeOverrides, TransactionOptions {
  /** What to remember about the device; see `contextMaxBytes`. */
  context?: TContext | null;
}

/** @internal */
export const ISSUE_OPTIONS: OptionNames<IssueTokenOptions> = {
  context: true,
  accessExpiresIn: true,
  refreshExpiresIn: true,
  ...TRANSACTION_OPTIONS,
};

const TRIES = 4;
const BATCH = 1_000;
/** How long a login goes on asking a database that does not answer. */
const PATIENCE: Milliseconds = 2_000;
const FIRST_PAUSE: Milliseconds = 25;

/** Logs a user in: one row, one new pair, and the session limit kept. */
@Injectable()
export class TokenIssuer<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger('TokenService');
  /** How many sessions a user may have; `null` = any number. */
  private readonly limit: number | null;

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly table: TokenTable<TToken>,
    private readonly tokens: TokenRepository<TToken>,
    private readonly pairs: TokenPairFactory,
    private readonly events: AuthentifyEvents,
  ) {
    this.limit = options.enforceSingleLogin ? 1 : options.maxSessionsPerUser;
  }

  /** The same in an app's transaction, or with events that tell more. */
  within({ table, tokens, events }: Omit<Place<TToken>, 'lookup'>): TokenIssuer<TToken> {
    return new TokenIssuer(this.options, table, tokens, this.pairs, events);
  }

  async issue(authType: AuthType, user: unknown, given: IssueTokenOptions<object> = {}): Promise<IssuedTokens<TToken>> {
    const now = Date.now();
    checkNames<IssueTokenOptions<object>>(given, ISSUE_OPTIONS);
    this.table.ownerKey(user);
    const lifetimes = this.lifetimesOf(given);
    const context = toContext(given.context, this.options.contextMaxBytes);

    const userId = await this.table.storedKey(user);
    await assertOwner(this.table, userId);
    const createdAt = await this.nextTime(userId, now);
    const id = uuidAt(createdAt);
    const issued = await this.open({ id, authType, userId, context, createdAt, now, lifetimes });
    if (typeof user === 'object') issued.token.user = user;

    const ended = await this.enforceLimit(userId, id, now);
    this.events.emit({ type: 'issued', sessionId: id, userId, authType, alreadyEnded: ended.includes(id) });
    return issued;
  }

  private lifetimesOf(given: IssueTokenOptions<object>): Lifetimes {
    const overrides = readOverrides(given);
    const lifetimes = {
      access: overrides.access === undefined ? this.options.tokenTtl : overrides.access,
      refresh: overrides.refresh === undefined ? this.options.refreshTokenTtl : overrides.refresh,
    };
    checkRefreshOutlivesAccess(lifetimes);
    return lifetimes;
  }

  /** With a limit, a later login has the later time even between nodes whose clocks differ (R46). */
  private async nextTime(userId: UserId, now: number): Promise<number> {
    const newest = this.limit === null ? null : await this.tokens.newestCreatedAt(userId);
    return newest === null ? now : Math.max(now, newest + 1);
  }

  private async open(login: Login): Promise<IssuedTokens<TToken>> {
    for (let attempt = 1; ; attempt += 1) {
      const pair = this.pairs.fresh(login.lifetimes.refresh !== null);
      try {
        const token = await this.tokens.insert(this.rowOf(login, pair), login.userId);
        return new IssuedTokens(pair.access, pair.refresh, token);
      } catch (error) {
        // Two secrets with one digest: practically a broken random source, so not for ever (R8).
        if (!(error instanceof DuplicateDigestError) || attempt === TRIES) throw error;
      }
    }
  }

  private rowOf(
    { id, authType, context, createdAt, now, lifetimes }: Login,
    pair: ReturnType<TokenPairFactory['fresh']>,
  ) {
    const { sessionMaxTtl } = this.options;
    const sessionExpiresAt = sessionMaxTtl === null ? null : new Date(now + sessionMaxTtl);
    const deadlines = deadlinesFrom(now, lifetimes, sessionExpiresAt);
    return {
      id,
      authType,
      context,
      createdAt: new Date(createdAt),
      ...deadlines,
      sessionExpiresAt,
      rotatedAt: null,
      revokedAt: null,
      revokedReason: null,
      pruneAt: pruneAtOf(deadlines),
      ...this.pairs.digestsOf(pair, this.pairs.digester.form),
      previousRefreshTokenHash: null,
      rotationSalt: null,
    };
  }

  /**
   * Ends what the limit leaves no room for. Whoever comes last sees everybody, so concurrent logins converge (R45). What
   * got no answer is asked again: an ending twice ends nothing more. One of which nothing is known in the end may have been
   * done; the login stands then, so that the user is not left with neither (R46).
   */
  private async enforceLimit(userId: UserId, ownId: string, now: number): Promise<string[]> {
    if (this.limit === null) return [];
    const surplus = new Surplus();
    const giveUpAt = performance.now() + PATIENCE;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.endSurplus(surplus, userId, now);
        return surplus.ended;
      } catch (error) {
        // In a transaction a failure has undone the login as well, or is the app's to judge.
        const mayAskAgain = isLost(error) && !this.table.transaction;
        if (mayAskAgain && attempt < TRIES && performance.now() < giveUpAt) {
          await pause(FIRST_PAUSE * 2 ** attempt * Math.random());
          continue;
        }
        if (mayAskAgain && surplus.inDoubt.length > 0) {
          this.logger.warn(`It is not known whether the login ${ownId} made room; the next login of the user does`);
          return surplus.ended;
        }
        await this.withdraw(ownId, now);
        throw error;
      }
    }
  }

  private async endSurplus(surplus: Surplus, userId: UserId, now: number): Promise<void> {
    let ids: string[];
    let passed = this.limit ?? 0;
    do {
      ids = await this.tokens.surplusIds(userId, now, passed, BATCH);
      const wereEnded = surplus.inDoubt.filter((id) => !ids.includes(id));
      this.tellEnded(wereEnded, wereEnded.length, userId);
      surplus.inDoubt = [];
      if (ids.length === 0) return;
      surplus.ended.push(...ids);
      try {
        const count = await this.tokens.end(ids, this.reason, now);
        this.tellEnded(ids, count, userId);
        // A transaction may go on seeing sessions that others have ended: those are passed over.
        passed += ids.length - count;
      } catch (error) {
        if (isUnanswered(error)) surplus.inDoubt = ids;
        throw error;
      }
    } while (ids.length === BATCH);
  }

  private tellEnded(ids: readonly string[], count: number, userId: UserId): void {
    if (count === 0) return;
    const sessionId = ids.length === 1 ? ids[0] : undefined;
    this.events.emit({ type: 'revoked', reason: this.reason, count, userId, sessionId });
  }

  private get reason(): 'single-login' | 'session-limit' {
    return this.options.enforceSingleLogin ? 'single-login' : 'session-limit';
  }

  /** A login that could not make room must not stay; nobody holds its tokens yet. */
  private async withdraw(id: string, now: number): Promise<void> {
    await this.tokens.end([id], 'revoked', now).catch((error: unknown) => {
      if (!(error instanceof AuthentifyUnavailableError)) throw error;
    });
  }
}

/** What a login ends beyond its limit. */
class Surplus {
  /** Those that it ended, or that somebody else did meanwhile. */
  readonly ended: string[] = [];
  /** Those whose ending was sent and has not been answered. */
  inDoubt: readonly string[] = [];
}

interface Login {
  id: string;
  userId: UserId;
  now: number;
  /** What orders it among the user's logins: `now`, or later. */
  createdAt: number;
  authType: AuthType;
  context: JsonObject;
  lifetimes: Lifetimes;
}
