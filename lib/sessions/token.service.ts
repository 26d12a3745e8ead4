import { Inject, Injectable } from '@nestjs/common';
import { AuthType } from './auth-type.js';
import { checkNames, type OptionNames, TRANSACTION_OPTIONS, type TransactionOptions } from '../options/call-options.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from './entities/abstract-auth-token.js';
import type { IssuedTokens } from './issued-tokens.js';
import { type IssueTokenOptions, Login } from './login.js';
import { Pruning } from './pruning.js';
import { Refresh, type RefreshTokenOptions } from './refresh.js';
import { SessionStore } from './session-store.js';
import { Verification } from './verification.js';
import { canonicalUuid } from './uuid.js';

/** A user as the app holds it: the entity, or its primary key. */
export type UserOrKey<TToken extends AnyAuthToken> = TToken['user'] | UserId;

/** The context type of a token class. */
export type ContextOf<TToken extends AnyAuthToken> = TToken['context'];

/** Which sessions stay when all of a user's are ended. */
export interface RevokeAllOptions extends TransactionOptions {
  except?: Pick<AnyAuthToken, 'id'>;
}

const REVOKE_ALL_OPTIONS: OptionNames<RevokeAllOptions> = { except: true, ...TRANSACTION_OPTIONS };

/**
 * Everything an app does with sessions, and nothing about HTTP.
 *
 * Every method throws `AuthentifyUnavailableError` (503) when the database cannot answer, and `TypeError` or
 * `RangeError` before any SQL when it is called wrongly.
 *
 * Every method takes `{ manager }`, and is part of that transaction then (R78): on its connection, visible with its
 * commit, gone with its rollback. Nothing is retried there; the `cause` of an `AuthentifyUnavailableError` tells whether
 * to run the transaction again.
 *
 * @typeParam TToken the token entity, for its user, context and extra columns.
 */
@Injectable()
export class TokenService<TToken extends AnyAuthToken = AbstractAuthToken> {
  @Inject() private readonly store: SessionStore<TToken>;
  @Inject() private readonly login: Login<TToken>;
  @Inject() private readonly verification: Verification<TToken>;
  @Inject() private readonly refreshing: Refresh<TToken>;
  @Inject() private readonly pruning: Pruning;

  /**
   * Logs a user in for the `Authorization` header.
   *
   * @throws AuthentifyUserNotFoundError when the user is not in the database.
   */
  async generateHeaderToken(
    user: UserOrKey<TToken>,
    options?: IssueTokenOptions<ContextOf<TToken>>,
  ): Promise<IssuedTokens<TToken>> {
    return this.login.open(AuthType.HEADER, user, options);
  }

  /**
   * Logs a user in for cookies; write them with `TokenCookies.set`.
   *
   * @throws AuthentifyUserNotFoundError when the user is not in the database.
   */
  async generateCookieToken(
    user: UserOrKey<TToken>,
    options?: IssueTokenOptions<ContextOf<TToken>>,
  ): Promise<IssuedTokens<TToken>> {
    return this.login.open(AuthType.COOKIE, user, options);
  }

  /**
   * The live session of an access token, with its user; `null` for anything that is no usable token.
   *
   * @param authType how it was presented; leave it out to accept either (R20).
   */
  async verifyToken(rawToken: string, authType?: AuthType, options?: TransactionOptions): Promise<TToken | null> {
    if (typeof authType === 'object' && authType !== null) {
      throw new TypeError('authType must be a transport; options come third: verifyToken(raw, undefined, { manager })');
    }
    return this.verification.verify(rawToken, authType, this.within(options));
  }

  /**
   * Exchanges a refresh token for the next pair; the old pair is dead from then on (RFC 9700 §4.14.2). The token just
   * replaced gets the same successor again within `refreshGracePeriod`; an older one ends the session, also where
   * `{ manager }` was given and that transaction is rolled back.
   *
   * @returns `null` for an unusable token: unknown, expired, revoked, of an inactive user, reused.
   */
  async refreshToken(rawRefreshToken: string, options?: RefreshTokenOptions): Promise<IssuedTokens<TToken> | null> {
    return this.refreshing.exchange(rawRefreshToken, options);
  }

  /** Ends one session, whichever of its tokens is meant. Returns 1, or 0 where it had ended already. */
  async revokeToken(
    token: Pick<TToken, 'id'> & Partial<Pick<TToken, 'userId'>>,
    options?: TransactionOptions,
  ): Promise<number> {
    const store = this.within(options);
    return store.end([idOf(token)], { reason: 'revoked', now: Date.now(), userId: token.userId });
  }

  /**
   * Ends all sessions of a user, but `except` for instance the current one after a password change. Without one, and
   * with `undefined`, none is left.
   */
  async revokeAllUserTokens(user: UserOrKey<TToken>, options: RevokeAllOptions = {}): Promise<number> {
    checkNames(options, REVOKE_ALL_OPTIONS);
    const exceptId = options.except === undefined ? undefined : idOf(options.except);
    return this.store.within(options).endAllOf(user, Date.now(), exceptId);
  }

  /** Prunes one user's sessions that can never be used again. */
  async revokeAllExpiredUserTokens(user: UserOrKey<TToken>, options?: TransactionOptions): Promise<number> {
    return this.pruning.prune(this.store.userKey(user), this.within(options));
  }

  /** Prunes all sessions that can never be used again: the job to schedule. Batched, safe on many instances. */
  async revokeExpiredTokens(options?: TransactionOptions): Promise<number> {
    return this.pruning.prune(undefined, this.within(options));
  }

  /** A user's sessions that access or refresh can still use, newest first. */
  async listUserTokens(user: UserOrKey<TToken>, options?: TransactionOptions): Promise<TToken[]> {
    return this.within(options).liveOf(this.store.userKey(user), Date.now());
  }

  /**
   * Ends one of the user's own sessions by its public id, in capitals too; 0 for an unknown, foreign or malformed id (R50).
   */
  async revokeUserToken(user: UserOrKey<TToken>, id: string, options?: TransactionOptions): Promise<number> {
    const store = this.within(options);
    store.userKey(user);
    const sessionId = canonicalUuid(id);
    return sessionId === null ? 0 : store.endOwn(user, sessionId, Date.now());
  }

  /** The store of a call that has no other option. */
  private within(options: TransactionOptions = {}): SessionStore<TToken> {
    checkNames(options, TRANSACTION_OPTIONS);
    return this.store.within(options);
  }
}

function idOf(token: unknown): string {
  const id: unknown = (token as { id?: unknown } | null | undefined)?.id;
  if (typeof id !== 'string' || id === '') throw new TypeError('Expected a token entity, such as request.auth');
  return canonicalUuid(id) ?? id;
}
