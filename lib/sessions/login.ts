import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { checkNames, type OptionNames, TRANSACTION_OPTIONS, type TransactionOptions } from '../options/call-options.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from './entities/abstract-auth-token.js';
import { IssuedTokens } from './issued-tokens.js';
import type { JsonObject } from './json.js';
import {
  checkRefreshOutlivesAccess,
  deadlinesFrom,
  type LifetimeOverrides,
  type Lifetimes,
  readOverrides,
} from './lifetimes.js';
import { toContext } from './context.js';
import { DuplicateDigestError, type NewSession, SessionStore } from './session-store.js';
import { type TokenPair, TokenSecrets } from './token-secrets.js';
import { uuidAt } from './uuid.js';

/** The options of a login. */
export interface IssueTokenOptions<TContext extends object = JsonObject> extends LifetimeOverrides, TransactionOptions {
  /** Data to store with the session, such as the device, as JSON; see `contextMaxBytes`. */
  context?: TContext | null;
}

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

/** A login, from its start to its end. */
interface Call<TToken extends AnyAuthToken> {
  id: string;
  userId: UserId;
  now: number;
  /** Orders it among the user's logins: `now`, or later. */
  createdAt: number;
  authType: AuthType;
  context: JsonObject;
  lifetimes: Lifetimes;
  store: SessionStore<TToken>;
}

/** Logs a user in: one row, one new pair, and the session limit kept. */
@Injectable()
export class Login<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger(Login.name);
  /** How many sessions a user may have; `null` = any number. */
  private readonly limit: number | null;

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: SessionStore<TToken>,
    private readonly secrets: TokenSecrets,
  ) {
    this.limit = options.enforceSingleLogin ? 1 : options.maxSessionsPerUser;
  }

  /** @param store where the session is opened: as the options say, or one that tells whose act it was. */
  async open(
    authType: AuthType,
    user: unknown,
    given: IssueTokenOptions<object> = {},
    store = this.store.within(given),
  ): Promise<IssuedTokens<TToken>> {
    const now = Date.now();
    checkNames<IssueTokenOptions<object>>(given, ISSUE_OPTIONS);
    store.userKey(user);
    const lifetimes = this.lifetimesOf(given);
    const context = toContext(given.context, this.options.contextMaxBytes);

    const userId = await store.storedUserKey(user);
    await store.assertUserExists(userId);
    const createdAt = await this.nextTime(userId, now, store);
    const id = uuidAt(createdAt);
    const call: Call<TToken> = { id, authType, userId, context, createdAt, now, lifetimes, store };
    const issued = await this.insert(call);
    if (typeof user === 'object') issued.token.user = user;

    const ended = await this.enforceLimit(call);
    store.events.emit({ type: 'issued', sessionId: id, userId, authType, alreadyEnded: ended.includes(id) });
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
  private async nextTime(userId: UserId, now: number, store: SessionStore<TToken>): Promise<number> {
    const newest = this.limit === null ? null : await store.newestLogin(userId);
    return newest === null ? now : Math.max(now, newest + 1);
  }

  private async insert(call: Call<TToken>): Promise<IssuedTokens<TToken>> {
    for (let attempt = 1; ; attempt += 1) {
      const pair = this.secrets.fresh(call.lifetimes.refresh !== null);
      try {
        const session = await call.store.insert(this.newSession(call, pair), call.userId);
        return new IssuedTokens(pair.access, pair.refresh, session);
      } catch (error) {
        // Two secrets with one digest: practically a broken random source, so not for ever (R8).
        if (!(error instanceof DuplicateDigestError) || attempt === TRIES) throw error;
      }
    }
  }

  private newSession({ id, authType, context, createdAt, now, lifetimes }: Call<TToken>, pair: TokenPair): NewSession {
    const { sessionMaxTtl } = this.options;
    const sessionExpiresAt = sessionMaxTtl === null ? null : new Date(now + sessionMaxTtl);
    return {
      id,
      authType,
      context,
      createdAt: new Date(createdAt),
      ...deadlinesFrom(now, lifetimes, sessionExpiresAt),
      sessionExpiresAt,
      ...this.secrets.digestsOf(pair),
      previousRefreshTokenHash: null,
      rotationSalt: null,
    };
  }

  /**
   * Ends the sessions that the limit leaves no room for. Whoever comes last sees everybody, so concurrent logins converge
   * (R45). An ending that got no answer is asked again: it ends nothing twice. One of which nothing is known in the end may
   * have been done; the login stands then, so that the user is not left with neither (R46).
   *
   * @returns ids of sessions that are over now.
   */
  private async enforceLimit(call: Call<TToken>): Promise<string[]> {
    if (this.limit === null) return [];
    const { store } = call;
    const surplus: Surplus = { ended: [], inDoubt: [] };
    const giveUpAt = performance.now() + PATIENCE;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.endSurplus(surplus, call, this.limit);
        return surplus.ended;
      } catch (error) {
        // In a transaction a failure has undone the login as well, or is the app's to judge.
        const mayAskAgain = store.isLost(error) && !store.isInTransaction;
        if (mayAskAgain && attempt < TRIES && performance.now() < giveUpAt) {
          await pause(FIRST_PAUSE * 2 ** attempt * Math.random());
          continue;
        }
        if (mayAskAgain && surplus.inDoubt.length > 0) {
          this.logger.warn(
            `It is unknown whether login ${call.id} ended the sessions beyond the limit; the next login of the user will`,
          );
          return surplus.ended;
        }
        await this.withdraw(call);
        throw error;
      }
    }
  }

  private async endSurplus(surplus: Surplus, { userId, now, store }: Call<TToken>, limit: number): Promise<void> {
    const ending = { reason: this.reason, now, userId };
    let ids: string[];
    let keep = limit;
    do {
      ids = await store.surplusIds(userId, { now, keep, limit: BATCH });
      const wereEnded = surplus.inDoubt.filter((id) => !ids.includes(id));
      store.tellEnded(wereEnded, wereEnded.length, ending);
      surplus.inDoubt = [];
      if (ids.length === 0) return;
      surplus.ended.push(...ids);
      try {
        // A transaction may go on seeing sessions that others have ended: those are passed over.
        keep += ids.length - (await store.end(ids, ending));
      } catch (error) {
        if (store.isUnanswered(error)) surplus.inDoubt = ids;
        throw error;
      }
    } while (ids.length === BATCH);
  }

  private get reason(): 'single-login' | 'session-limit' {
    return this.options.enforceSingleLogin ? 'single-login' : 'session-limit';
  }

  /** A login that could not make room must not stay; nobody holds its tokens yet. */
  private async withdraw({ id, now, store }: Call<TToken>): Promise<void> {
    await store.withdraw(id, now).catch((error: unknown) => {
      if (!(error instanceof AuthentifyUnavailableError)) throw error;
    });
  }
}

/** The sessions that a login ends beyond its limit. */
interface Surplus {
  /** Those that it ended, or that somebody else did meanwhile. */
  readonly ended: string[];
  /** Those whose ending was sent and has not been answered. */
  inDoubt: readonly string[];
}
