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

/** A user: the entity, or its primary key. */
export type UserOrKey<TToken extends AnyAuthToken> = TToken['user'] | UserId;

/** The context type of a token class. */
export type ContextOf<TToken extends AnyAuthToken> = TToken['context'];

/** The options of `revokeAllUserTokens`. */
export interface RevokeAllOptions extends TransactionOptions {
  except?: Pick<AnyAuthToken, 'id'>;
}

const REVOKE_ALL_OPTIONS: OptionNames<RevokeAllOptions> = { except: true, ...TRANSACTION_OPTIONS };

/**
 * Issues, verifies, refreshes, lists and revokes sessions. It does not depend on HTTP.
 *
 * Every method throws `AuthentifyUnavailableError` (503) if the database does not answer, and `TypeError` or `RangeError` for
 * wrong arguments, before any SQL.
 *
 * Every method takes `{ manager }` and is then part of that transaction (R78): on its connection, visible after its commit,
 * undone by its rollback. Nothing is retried there; the `cause` of an `AuthentifyUnavailableError` tells you whether to run
 * the transaction again.
 *
 * @typeParam TToken the token entity, for its user, context and additional columns.
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
   * @throws AuthentifyUserNotFoundError if the user is not in the database.
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
   * @throws AuthentifyUserNotFoundError if the user is not in the database.
   */
  async generateCookieToken(
    user: UserOrKey<TToken>,
    options?: IssueTokenOptions<ContextOf<TToken>>,
  ): Promise<IssuedTokens<TToken>> {
    return this.login.open(AuthType.COOKIE, user, options);
  }

  /**
   * Returns the active session of an access token, with its user, or `null` if the token does not work.
   *
   * @param authType the transport of the token; omit it to accept both (R20).
   */
  async verifyToken(rawToken: string, authType?: AuthType, options?: TransactionOptions): Promise<TToken | null> {
    if (typeof authType === 'object' && authType !== null) {
      throw new TypeError(
        "authType must be 'header' or 'cookie'; options are the third argument: verifyToken(raw, undefined, { manager })",
      );
    }
    return this.verification.verify(rawToken, authType, this.within(options));
  }

  /**
   * Exchanges a refresh token for the next pair; the old pair stops working (RFC 9700 §4.14.2). Within `refreshGracePeriod`,
   * the previous refresh token gets the same new pair again. An older one ends the session, even if `{ manager }` was given
   * and its transaction is rolled back.
   *
   * @returns `null` if the token does not work: unknown, expired, revoked, reused, or of an inactive user.
   */
  async refreshToken(rawRefreshToken: string, options?: RefreshTokenOptions): Promise<IssuedTokens<TToken> | null> {
    return this.refreshing.exchange(rawRefreshToken, options);
  }

  /** Ends one session. Returns 1, or 0 if it had already ended. */
  async revokeToken(
    token: Pick<TToken, 'id'> & Partial<Pick<TToken, 'userId'>>,
    options?: TransactionOptions,
  ): Promise<number> {
    const store = this.within(options);
    return store.end([idOf(token)], { reason: 'revoked', now: Date.now(), userId: token.userId });
  }

  /**
   * Ends all sessions of a user, except `except`, such as the current session after a password change. Without `except`, all
   * sessions end.
   */
  async revokeAllUserTokens(user: UserOrKey<TToken>, options: RevokeAllOptions = {}): Promise<number> {
    checkNames(options, REVOKE_ALL_OPTIONS);
    const exceptId = options.except === undefined ? undefined : idOf(options.except);
    return this.store.within(options).endAllOf(user, Date.now(), exceptId);
  }

  /** Prunes the expired sessions of one user. */
  async revokeAllExpiredUserTokens(user: UserOrKey<TToken>, options?: TransactionOptions): Promise<number> {
    return this.pruning.prune(this.store.userKey(user), this.within(options));
  }

  /** Prunes all expired sessions; run it in a scheduled job. Works in batches, safe on several instances. */
  async revokeExpiredTokens(options?: TransactionOptions): Promise<number> {
    return this.pruning.prune(undefined, this.within(options));
  }

  /** Lists the active and idle sessions of a user, newest first. */
  async listUserTokens(user: UserOrKey<TToken>, options?: TransactionOptions): Promise<TToken[]> {
    return this.within(options).liveOf(this.store.userKey(user), Date.now());
  }

  /**
   * Ends one of the user's own sessions by its public id. Returns 0 for a malformed or unknown id, or one of another user (R50).
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
