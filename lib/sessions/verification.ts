import { Injectable } from '@nestjs/common';
import type { RejectionReason } from '../events/authentify-event.js';
import type { AuthType } from './auth-type.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { SessionChecks } from './session-checks.js';
import { SessionStore } from './session-store.js';
import { type PresentedRefreshToken, TokenSecrets } from './token-secrets.js';

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
