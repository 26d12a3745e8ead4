import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { RejectionReason } from '../events/authentify-event.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { UNREADABLE } from './context.js';
import { type AbstractAuthToken, type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';
import { SessionStore } from './session-store.js';
import { type PresentedRefreshToken, TokenSecrets } from './token-secrets.js';
import { UserActivity } from './user-activity.js';

/** How and when a credential was presented. */
export interface Presentation {
  /** Read once per call (R28). */
  now: number;
  /** How it was presented, where that is known. */
  authType: AuthType | undefined;
  /** When this kind of credential dies; `null` = never. */
  deadline: Date | null;
}

/** The checks that every credential must pass, be it verified, refreshed or watched. */
@Injectable()
export class SessionChecks {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly activity: UserActivity,
  ) {}

  /** Why a session's credential is no good now, or `null` if it is (R17, R24, R39, R51). */
  async refusalOf(session: AnyAuthToken, { now, authType, deadline }: Presentation): Promise<RejectionReason | null> {
    const { enableAuthRestriction } = this.options;
    if (session.revokedAt !== null) return 'revoked';
    if (isPast(deadline, now)) return 'expired';
    if (isPast(session.sessionExpiresAt, now)) return 'session-expired';
    if (enableAuthRestriction && authType !== undefined && session.authType !== authType) return 'wrong-transport';
    if (session.context === UNREADABLE) return 'context-unreadable';
    if (session.user === null || session.user === undefined) return 'user-missing';
    if (!(await this.activity.isActive(session.user))) return 'user-inactive';
    return null;
  }
}

/** Verifies access tokens: one look-up, no write (R16, R17, R22). */
@Injectable()
export class Verification<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    private readonly store: SessionStore<TToken>,
    private readonly secrets: TokenSecrets,
    private readonly checks: SessionChecks,
  ) {}

  /** The live session of an access token with its user, or `null`. */
  async verify(rawToken: unknown, authType?: AuthType, store = this.store): Promise<TToken | null> {
    const now = Date.now();
    const reject = (reason: RejectionReason, session?: TToken): null => {
      store.events.reject(reason, authType, session);
      return null;
    };
    const digests = this.secrets.readAccess(rawToken);
    if (!digests) return reject('malformed');

    const session = await store.findByAccess(digests);
    if (!session) return reject('unknown');

    const refusal = await this.checks.refusalOf(session, { now, authType, deadline: session.expiresAt });
    if (refusal) return reject(refusal, session);

    const { id: sessionId, userId } = session;
    store.events.emit({ type: 'authenticated', sessionId, userId, authType: session.authType });
    return session;
  }

  /**
   * The session that a token of either kind names, whether or not it can still be used: who logs out may hold no more
   * than an access token that has run out (R49, R74). Access tokens are known until they are replaced, refresh tokens of
   * any generation as long as the session is. One look-up; `null` where there is no session any more.
   *
   * @param authType how the token was presented, for the event of one that is unknown.
   */
  async sessionOf(rawToken: string, authType: AuthType): Promise<TToken | null> {
    const digests = this.secrets.readAccess(rawToken);
    const refresh = digests ? null : this.secrets.readRefresh(rawToken);
    const session = digests ? await this.store.findByAccess(digests) : refresh && (await this.ofFamily(refresh));
    if (!session) this.store.events.reject(digests || refresh ? 'unknown' : 'malformed', authType);
    return session;
  }

  private async ofFamily(refresh: PresentedRefreshToken): Promise<TToken | null> {
    const stored = await this.store.findByFamily(refresh.familyDigests);
    return stored && refresh.formOf(stored.digests.refreshFamilyHash ?? '') ? stored.session : null;
  }
}
