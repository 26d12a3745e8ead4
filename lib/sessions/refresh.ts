import { randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { RejectionReason } from '../events/authentify-event.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { checkNames, type OptionNames } from '../options/call-options.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { IssuedTokens } from './issued-tokens.js';
import {
  checkRefreshOutlivesAccess,
  type LifetimeOverrides,
  type Lifetimes,
  pruneAtOf,
  readOverrides,
} from './lifetimes.js';
import type { Place } from './place.js';
import { PresentedTokens, type PresentedRefreshToken } from './presented-tokens.js';
import { judge, rotatedDeadlines } from './rotation.js';
import { TokenChecks } from './token-checks.js';
import { type DigestForm, sameDigest } from './token-digester.js';
import { SessionLookup } from '../store/lookup/session-lookup.js';
import { TokenPairFactory } from './token-secrets.js';
import { TokenRepository } from '../store/token.repository.js';
import type { StoredToken } from '../store/session-table.js';
import { TRANSACTION_OPTIONS, type TransactionOptions } from '../store/transaction.js';

/** What a refresh may decide. */
export interface RefreshTokenOptions extends LifetimeOverrides, TransactionOptions {
  /** How the refresh token came; checked against the session with `enableAuthRestriction`. */
  authType?: AuthType;
}

const REFRESH_OPTIONS: OptionNames<RefreshTokenOptions> = {
  authType: true,
  accessExpiresIn: true,
  refreshExpiresIn: true,
  ...TRANSACTION_OPTIONS,
};

/** One refresh, from its start to its end. */
interface Refresh {
  presented: PresentedRefreshToken;
  authType: AuthType | undefined;
  overrides: Partial<Lifetimes>;
  /** Read when the call starts (R28); only `rotatedAt` is later. */
  now: number;
}

const TRIES = 5;

/** Exchanges a refresh token for the next pair of its session (R29–R37). */
@Injectable()
export class TokenRefresher<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger('TokenService');

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly checks: TokenChecks,
    private readonly lookup: SessionLookup<TToken>,
    private readonly tokens: TokenRepository<TToken>,
    private readonly pairs: TokenPairFactory,
    private readonly presentedTokens: PresentedTokens,
    private readonly events: AuthentifyEvents,
  ) {}

  /** The same in an app's transaction. */
  within({ lookup, tokens, events }: Place<TToken>): TokenRefresher<TToken> {
    return new TokenRefresher(this.options, this.checks, lookup, tokens, this.pairs, this.presentedTokens, events);
  }

  async refresh(raw: unknown, options: RefreshTokenOptions = {}): Promise<IssuedTokens<TToken> | null> {
    const now = Date.now();
    if (typeof raw !== 'string') throw new TypeError('A refresh token must be a string');
    const overrides = readRefreshOverrides(options);
    const presented = this.presentedTokens.refresh(raw);
    if (!presented) return this.reject('malformed', options);
    const call: Refresh = { presented, authType: options.authType, overrides, now };

    let wasCurrent = false;
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const stored = await this.find(call);
      if (!stored) return this.reject('unknown', call);
      const refusal = await this.refusalOf(stored.token, call);
      if (refusal) return this.reject(refusal, call, stored.token);

      const presentedDigest = this.pairs.digester.digest(raw, stored.form);
      if (sameDigest(presentedDigest, stored.digests.refreshTokenHash)) {
        const rotated = await this.rotate(stored, presentedDigest, call);
        if (rotated) return rotated;
        wasCurrent = true;
        continue;
      }
      const verdict = judge(stored, { presentedDigest, now, wasCurrent, grace: this.options.refreshGracePeriod });
      if (verdict === 'replay') return this.replay(stored, call);
      if (verdict === 'overtaken') return this.reject('overtaken', call, stored.token);
      return this.endForReuse(stored, call);
    }
    throw new AuthentifyUnavailableError();
  }

  private async find({ presented }: Refresh): Promise<(StoredToken<TToken> & { form: DigestForm }) | null> {
    const stored = await this.lookup.byFamily(presented.familyDigests);
    const form = stored ? presented.formOf(stored.digests.refreshFamilyHash ?? '') : undefined;
    return stored && form ? { ...stored, form } : null;
  }

  private refusalOf(token: TToken, { now, authType }: Refresh): Promise<RejectionReason | null> {
    // A row without `refreshUntil` has no refresh token to accept.
    return this.checks.refusalOf(token, { now, authType, deadline: token.refreshUntil ?? new Date(0) });
  }

  /** Replaces the pair; `null` when another call was faster. */
  private async rotate(
    { token }: StoredToken<TToken>,
    presentedDigest: string,
    { presented, now, overrides }: Refresh,
  ): Promise<IssuedTokens<TToken> | null> {
    const { form } = this.pairs.digester;
    const salt = randomBytes(32).toString('hex');
    const pair = this.pairs.successor({ ...presented, salt, form, sessionId: token.id });
    const deadlines = rotatedDeadlines(token, now, overrides);
    const current = { id: token.id, digest: presentedDigest, now };

    const rotatedAt = await this.tokens.rotate(current, {
      ...this.pairs.digestsOf(pair, form),
      previousRefreshTokenHash: this.pairs.digester.digest(presented.raw, form),
      rotationSalt: salt,
      ...deadlines,
      pruneAt: pruneAtOf(deadlines),
    });
    if (!rotatedAt) return null;
    this.tell('refreshed', token);
    return new IssuedTokens(pair.access, pair.refresh, Object.assign(token, deadlines, { rotatedAt }));
  }

  /** Answers a retry or a second tab with the winner's pair, derived anew and checked against the row. */
  private replay(stored: StoredToken<TToken> & { form: DigestForm }, call: Refresh): IssuedTokens<TToken> | null {
    const { token, digests, form } = stored;
    const salt = digests.rotationSalt;
    const rotation = salt !== null && { ...call.presented, salt, form, sessionId: token.id };
    const pair = rotation && this.pairs.storedSuccessor(rotation, digests.refreshTokenHash);
    if (!pair) return this.reject('overtaken', call, token);
    this.tell('replayed', token);
    return new IssuedTokens(pair.access, pair.refresh, token);
  }

  /** An earlier generation came back: one of its two holders is a thief, so the session ends (RFC 9700 §4.14.2). */
  private async endForReuse(stored: StoredToken<TToken>, call: Refresh): Promise<null> {
    const { token } = stored;
    const ended = await this.tokens.endForReuse(stored, call.now);
    if (ended > 0) {
      this.logger.warn(`Refresh token reuse: session ${token.id} was ended`);
      this.tell('reuse-detected', token);
    }
    return this.reject('reuse', call, token);
  }

  private tell(type: 'refreshed' | 'replayed' | 'reuse-detected', token: TToken): void {
    this.events.emit({ type, sessionId: token.id, userId: token.userId, authType: token.authType });
  }

  private reject(reason: RejectionReason, { authType }: RefreshTokenOptions, token?: TToken): null {
    this.events.reject(reason, authType, token);
    return null;
  }
}

function readRefreshOverrides(options: RefreshTokenOptions): Partial<Lifetimes> {
  checkNames(options, REFRESH_OPTIONS);
  const overrides = readOverrides(options);
  if (overrides.refresh === null)
    throw new RangeError('refreshExpiresIn must not be null: a refresh gives a refresh token');
  if (overrides.access === null)
    throw new RangeError('accessExpiresIn must not be null: refreshExpiresIn must exceed it');
  if (overrides.access !== undefined && overrides.refresh !== undefined) {
    checkRefreshOutlivesAccess({ access: overrides.access, refresh: overrides.refresh });
  }
  return overrides;
}
