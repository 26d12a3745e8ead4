import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { checkNames, type OptionNames } from './call-options.js';
import { DuplicateDigestError } from './database-errors.js';
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
import { assertOwner } from './present-users.js';
import { toContext } from './token-context.js';
import { TokenPairFactory } from './token-pair.js';
import { TokenRepository } from './token.repository.js';
import { TokenTable } from './token-table.js';
import { TRANSACTION_OPTIONS, type TransactionOptions } from './transaction.js';

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

/** Logs a user in: one row, one new pair, and the session limit kept. */
@Injectable()
export class TokenIssuer<TToken extends AnyAuthToken = AbstractAuthToken> {
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
    const userId = this.table.ownerKey(user);
    const lifetimes = this.lifetimesOf(given);
    const context = toContext(given.context, this.options.contextMaxBytes);

    await assertOwner(this.table, userId);
    const createdAt = await this.nextTime(userId, now);
    const id = uuidv7({ msecs: createdAt });
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

  /** Ends what the limit leaves no room for. Whoever comes last sees everybody, so concurrent logins converge (R45). */
  private async enforceLimit(userId: UserId, ownId: string, now: number): Promise<string[]> {
    if (this.limit === null) return [];
    const ended: string[] = [];
    try {
      let surplus: string[];
      do {
        surplus = await this.tokens.surplusIds(userId, now, this.limit, BATCH);
        ended.push(...surplus);
        await this.endSurplus(surplus, userId, now);
      } while (surplus.length === BATCH);
    } catch (error) {
      await this.withdraw(ownId, now);
      throw error;
    }
    return ended;
  }

  private async endSurplus(ids: readonly string[], userId: UserId, now: number): Promise<void> {
    if (ids.length === 0) return;
    const reason = this.options.enforceSingleLogin ? 'single-login' : 'session-limit';
    const count = await this.tokens.end(ids, reason, now);
    const sessionId = ids.length === 1 ? ids[0] : undefined;
    if (count > 0) this.events.emit({ type: 'revoked', reason, count, userId, sessionId });
  }

  /** A login that could not make room must not stay; nobody holds its tokens yet. */
  private async withdraw(id: string, now: number): Promise<void> {
    await this.tokens.end([id], 'revoked', now).catch((error: unknown) => {
      if (!(error instanceof AuthentifyUnavailableError)) throw error;
    });
  }
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
