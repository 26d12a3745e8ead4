import { Injectable } from '@nestjs/common';
import { AuthentifyEvents } from '../events/authentify-events.js';
import { AuthType } from './auth-type.js';
import { checkNames, type OptionNames } from './call-options.js';
import type { AbstractAuthToken, AnyAuthToken, RevokedReason, UserId } from './entities/abstract-auth-token.js';
import type { IssuedTokens } from './issued-tokens.js';
import { type IssueTokenOptions, TokenIssuer } from './token-issuer.js';
import { TokenPruner } from './token-pruner.js';
import { type RefreshTokenOptions, TokenRefresher } from './token-refresher.js';
import { TokenTable } from './token-table.js';
import { TokenVerifier } from './token-verifier.js';
import { TokenRepository } from './token.repository.js';
import { canonicalUuid } from './uuid.js';

/** A user as the app holds it: the entity, or its primary key. */
export type UserOrKey<TToken extends AnyAuthToken> = TToken['user'] | UserId;

/** The context type of a token class. */
export type ContextOf<TToken extends AnyAuthToken> = TToken['context'];

/** Which sessions stay when all of a user's are ended. */
interface RevokeAllOptions {
  except?: Pick<AnyAuthToken, 'id'>;
}

const REVOKE_ALL_OPTIONS: OptionNames<RevokeAllOptions> = { except: true };

/**
 * Everything an app does with sessions, and nothing about HTTP.
 *
 * Every method throws `AuthentifyUnavailableError` (503) when the database cannot answer, and `TypeError` or
 * `RangeError` before any SQL when it is called wrongly.
 *
 * @typeParam TToken the token entity, for its user, context and extra columns.
 */
@Injectable()
export class TokenService<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    private readonly issuer: TokenIssuer<TToken>,
    private readonly verifier: TokenVerifier<TToken>,
    private readonly refresher: TokenRefresher<TToken>,
    private readonly pruner: TokenPruner<TToken>,
    private readonly tokens: TokenRepository<TToken>,
    private readonly table: TokenTable<TToken>,
    private readonly events: AuthentifyEvents,
  ) {}

  /**
   * Logs a user in for the `Authorization` header.
   *
   * @throws AuthentifyUserNotFoundError when the user is not in the database.
   */
  generateHeaderToken(
    user: UserOrKey<TToken>,
    options?: IssueTokenOptions<ContextOf<TToken>>,
  ): Promise<IssuedTokens<TToken>> {
    return this.issuer.issue(AuthType.HEADER, user, options);
  }

  /**
   * Logs a user in for cookies; write them with `TokenCookies.set`.
   *
   * @throws AuthentifyUserNotFoundError when the user is not in the database.
   */
  generateCookieToken(
    user: UserOrKey<TToken>,
    options?: IssueTokenOptions<ContextOf<TToken>>,
  ): Promise<IssuedTokens<TToken>> {
    return this.issuer.issue(AuthType.COOKIE, user, options);
  }

  /**
   * The live session of an access token, with its user; `null` for anything that is no usable token.
   *
   * @param authType how it was presented; leave it out to accept either (R20).
   */
  verifyToken(rawToken: string, authType?: AuthType): Promise<TToken | null> {
    return this.verifier.verify(rawToken, authType);
  }

  /**
   * Exchanges a refresh token for the next pair; the old pair is dead from then on (RFC 9700 §4.14.2). The token just
   * replaced gets the same successor again within `refreshGracePeriod`; an older one ends the session.
   *
   * @returns `null` for an unusable token: unknown, expired, revoked, of an inactive user, reused.
   */
  refreshToken(rawRefreshToken: string, options?: RefreshTokenOptions): Promise<IssuedTokens<TToken> | null> {
    return this.refresher.refresh(rawRefreshToken, options);
  }

  /** Ends one session, whichever of its tokens is meant. Returns 1, or 0 where it had ended already. */
  async revokeToken(token: Pick<TToken, 'id'> & Partial<Pick<TToken, 'userId'>>): Promise<number> {
    const sessionId = idOf(token);
    const count = await this.tokens.end([sessionId], 'revoked', Date.now());
    this.tellRevoked(count, 'revoked', token.userId, sessionId);
    return count;
  }

  /**
   * Ends all sessions of a user, but `except` for instance the current one after a password change. Without one, and
   * with `undefined`, none is left.
   */
  async revokeAllUserTokens(user: UserOrKey<TToken>, options: { except?: Pick<TToken, 'id'> } = {}): Promise<number> {
    checkNames<RevokeAllOptions>(options, REVOKE_ALL_OPTIONS);
    const userId = this.table.ownerKey(user);
    const exceptId = options.except === undefined ? undefined : idOf(options.except);
    const count = await this.tokens.endAllOf(userId, Date.now(), exceptId);
    this.tellRevoked(count, 'revoked-all', userId);
    return count;
  }

  /** Prunes one user's sessions that can never be used again. */
  async revokeAllExpiredUserTokens(user: UserOrKey<TToken>): Promise<number> {
    return this.pruner.prune(this.table.ownerKey(user));
  }

  /** Prunes all sessions that can never be used again: the job to schedule. Batched, safe on many instances. */
  revokeExpiredTokens(): Promise<number> {
    return this.pruner.prune();
  }

  /** A user's sessions that access or refresh can still use, newest first. */
  async listUserTokens(user: UserOrKey<TToken>): Promise<TToken[]> {
    return this.tokens.live(this.table.ownerKey(user), Date.now());
  }

  /**
   * Ends one of the user's own sessions by its public id, in capitals too; 0 for an unknown, foreign or malformed id (R50).
   */
  async revokeUserToken(user: UserOrKey<TToken>, id: string): Promise<number> {
    const userId = this.table.ownerKey(user);
    const sessionId = canonicalUuid(id);
    if (sessionId === null) return 0;
    const count = await this.tokens.end([sessionId], 'revoked', Date.now(), userId);
    this.tellRevoked(count, 'revoked', userId, sessionId);
    return count;
  }

  private tellRevoked(count: number, reason: RevokedReason, userId?: UserId, sessionId?: string): void {
    if (count > 0) this.events.emit({ type: 'revoked', reason, count, userId, sessionId });
  }
}

function idOf(token: unknown): string {
  const id: unknown = (token as { id?: unknown } | null | undefined)?.id;
  if (typeof id !== 'string' || id === '') throw new TypeError('Expected a token entity, such as request.auth');
  return canonicalUuid(id) ?? id;
}
