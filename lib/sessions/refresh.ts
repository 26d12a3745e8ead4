import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { RejectionReason } from '../events/authentify-event.js';
import { checkNames, type OptionNames, TRANSACTION_OPTIONS, type TransactionOptions } from '../options/call-options.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { IssuedTokens } from './issued-tokens.js';
import {
  checkRefreshOutlivesAccess,
  type Deadlines,
  deadlinesFrom,
  type LifetimeOverrides,
  type Lifetimes,
  ownLifetimes,
  readOverrides,
} from './lifetimes.js';
import { SessionChecks } from './verification.js';
import { SessionStore, type StoredSession } from './session-store.js';
import { type DigestForm, type PresentedRefreshToken, sameDigest, TokenSecrets } from './token-secrets.js';

/** The options of a refresh. */
export interface RefreshTokenOptions extends LifetimeOverrides, TransactionOptions {
  /** The transport of the refresh token; checked if `enableAuthRestriction` is on. */
  authType?: AuthType;
}

const REFRESH_OPTIONS: OptionNames<RefreshTokenOptions> = {
  authType: true,
  accessExpiresIn: true,
  refreshExpiresIn: true,
  ...TRANSACTION_OPTIONS,
};

/** One refresh, from its start to its end. */
interface Call<TToken extends AnyAuthToken> {
  presented: PresentedRefreshToken;
  authType: AuthType | undefined;
  overrides: Partial<Lifetimes>;
  /** Read when the call starts (R28); only `rotatedAt` is later. */
  now: number;
  store: SessionStore<TToken>;
}

/** A session as it was found by the family of a refresh token, and how its digests are made. */
type Found<TToken extends AnyAuthToken> = StoredSession<TToken> & { form: DigestForm };

const TRIES = 5;

/** Exchanges a refresh token for the next pair of its session (R29–R37). */
@Injectable()
export class Refresh<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger(Refresh.name);

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: SessionStore<TToken>,
    private readonly secrets: TokenSecrets,
    private readonly checks: SessionChecks,
  ) {}

  /** The next pair, or `null` for a refresh token that cannot be used. */
  async exchange(raw: unknown, options: RefreshTokenOptions = {}): Promise<IssuedTokens<TToken> | null> {
    const now = Date.now();
    const store = this.store.within(options);
    if (typeof raw !== 'string') throw new TypeError('A refresh token must be a string');
    const overrides = readRefreshOverrides(options);
    const { authType } = options;
    const presented = this.secrets.readRefresh(raw);
    if (!presented) return reject('malformed', { store, authType });
    const call: Call<TToken> = { presented, authType, overrides, now, store };

    let wasCurrent = false;
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const found = await this.find(call);
      if (!found) return reject('unknown', call);
      const refusal = await this.refusalOf(found.session, call);
      if (refusal) return reject(refusal, call, found.session);

      const presentedDigest = this.secrets.digest(raw, found.form);
      if (sameDigest(presentedDigest, found.digests.refreshTokenHash)) {
        const rotated = await this.rotate(found, presentedDigest, call);
        if (rotated) return rotated;
        wasCurrent = true;
        continue;
      }
      const verdict = judge(found, { presentedDigest, now, wasCurrent, grace: this.options.refreshGracePeriod });
      if (verdict === 'replay') return this.replay(found, call);
      if (verdict === 'overtaken') return reject('overtaken', call, found.session);
      return this.endForReuse(found, call);
    }
    throw new AuthentifyUnavailableError();
  }

  private async find({ presented, store }: Call<TToken>): Promise<Found<TToken> | null> {
    const stored = await store.findByFamily(presented.familyDigests);
    const form = stored ? presented.formOf(stored.digests.refreshFamilyHash ?? '') : undefined;
    return stored && form ? { ...stored, form } : null;
  }

  private refusalOf(session: TToken, { now, authType }: Call<TToken>): Promise<RejectionReason | null> {
    // A row without `refreshUntil` has no refresh token to accept.
    return this.checks.refusalOf(session, { now, authType, deadline: session.refreshUntil ?? new Date(0) });
  }

  /** Replaces the pair; `null` when another call was faster. */
  private async rotate(
    { session }: Found<TToken>,
    digest: string,
    { presented, now, overrides, store }: Call<TToken>,
  ): Promise<IssuedTokens<TToken> | null> {
    const { form } = this.secrets;
    const salt = this.secrets.randomSalt();
    const pair = this.secrets.successor({ presented, salt, form, sessionId: session.id });
    const deadlines = rotatedDeadlines(session, now, overrides);
    const rotatedAt = await store.rotate(
      session,
      { digest, now },
      {
        ...this.secrets.digestsOf(pair),
        previousRefreshTokenHash: this.secrets.digest(presented.raw),
        rotationSalt: salt,
        ...deadlines,
      },
    );
    if (!rotatedAt) return null;
    return new IssuedTokens(pair.access, pair.refresh, Object.assign(session, deadlines, { rotatedAt }));
  }

  /** Answers a retry or a second tab with the winner's pair, derived anew and checked against the row. */
  private replay({ session, digests, form }: Found<TToken>, call: Call<TToken>): IssuedTokens<TToken> | null {
    const { id: sessionId, userId, authType } = session;
    const { presented, store } = call;
    const salt = digests.rotationSalt;
    const pair =
      salt === null
        ? null
        : this.secrets.storedSuccessor({ presented, salt, form, sessionId }, digests.refreshTokenHash);
    if (!pair) return reject('overtaken', call, session);
    store.events.emit({ type: 'replayed', sessionId, userId, authType });
    return new IssuedTokens(pair.access, pair.refresh, session);
  }

  /** An earlier generation came back: one of its two holders is a thief, so the session ends (RFC 9700 §4.14.2). */
  private async endForReuse(found: Found<TToken>, call: Call<TToken>): Promise<null> {
    const ended = await call.store.endForReuse(found, call.now);
    if (ended > 0) this.logger.warn(`Refresh token reuse: session ${found.session.id} was ended`);
    return reject('reuse', call, found.session);
  }
}

function reject<TToken extends AnyAuthToken>(
  reason: RejectionReason,
  { store, authType }: Pick<Call<TToken>, 'store' | 'authType'>,
  session?: TToken,
): null {
  store.events.reject(reason, authType, session);
  return null;
}

/** A refresh that found another generation in the row than its own. */
export interface LateRefresh {
  /** Digest of the presented refresh token in the row's form. */
  presentedDigest: string;
  /** When the call started. */
  now: number;
  /** Whether this call itself had read the presented token as current, before losing to another. */
  wasCurrent: boolean;
  grace: Milliseconds;
}

/**
 * How a refresh token that did not win is taken (R31–R33):
 * - `replay`: a retry or a second tab; it gets the winner's pair.
 * - `overtaken`: it provably raced; it gets nothing and nothing is ended.
 * - `reuse`: a token of an earlier generation came back; the session must end.
 */
export type Verdict = 'replay' | 'overtaken' | 'reuse';

/** Judges a refresh token that is not its session's current one, by the row as it stands now. */
export function judge({ session, digests }: StoredSession<AnyAuthToken>, call: LateRefresh): Verdict {
  // Nothing is near, or before, a rotation that never was.
  const rotatedAt = session.rotatedAt?.getTime() ?? Number.NEGATIVE_INFINITY;
  if (call.grace === 0) return 'reuse';
  const isPrevious = sameDigest(call.presentedDigest, digests.previousRefreshTokenHash);
  // Clocks of nodes differ, and a sibling may have started before the winner.
  if (isPrevious && Math.abs(call.now - rotatedAt) < call.grace) return 'replay';
  return call.wasCurrent || call.now < rotatedAt ? 'overtaken' : 'reuse';
}

/**
 * The deadlines a rotation gives: the session's own lifetimes, or this call's, from now on, within its absolute end.
 * A clock that was set back shortens nothing (R28).
 *
 * @throws RangeError where the refresh token would not outlive the access token.
 */
export function rotatedDeadlines(session: AnyAuthToken, now: number, overrides: Partial<Lifetimes>): Deadlines {
  const own = ownLifetimes(session);
  const lifetimes: Lifetimes = {
    access: overrides.access === undefined ? own.access : overrides.access,
    refresh: overrides.refresh === undefined ? own.refresh : overrides.refresh,
  };
  if (!endsWithSession(session, overrides)) checkRefreshOutlivesAccess(lifetimes);
  return deadlinesFrom(Math.max(now, session.lastRefreshedAt.getTime()), lifetimes, session.sessionExpiresAt);
}

/** The session's own refresh lifetime was cut short by its absolute end, as the access lifetime will be. */
function endsWithSession(session: AnyAuthToken, { refresh }: Partial<Lifetimes>): boolean {
  return refresh === undefined && session.refreshUntil?.getTime() === session.sessionExpiresAt?.getTime();
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
