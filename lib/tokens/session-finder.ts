import { Injectable } from '@nestjs/common';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { AuthType } from './auth-type.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { type PresentedRefreshToken, PresentedTokens } from './presented-tokens.js';
import { TokenLookup } from './token-lookup.js';

/**
 * Tells which session a token belongs to, whether or not it can still be used: who logs out may hold no more than an
 * access token that has run out (R49, R74).
 */
@Injectable()
export class SessionFinder<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    private readonly lookup: TokenLookup<TToken>,
    private readonly presented: PresentedTokens,
    private readonly events: AuthentifyEvents,
  ) {}

  /**
   * The session of an access or a refresh token, by one look-up; `null` where there is none any more. Access tokens
   * are known until they are replaced, refresh tokens of any generation as long as the session is.
   *
   * @param authType how it was presented, for the event of one that is unknown.
   */
  async byToken(raw: string, authType: AuthType): Promise<TToken | null> {
    const digests = this.presented.accessDigests(raw);
    const refresh = digests ? null : this.presented.refresh(raw);
    const token = digests ? await this.lookup.byAccessToken(digests) : refresh && (await this.byFamily(refresh));
    if (!token) this.events.reject(digests || refresh ? 'unknown' : 'malformed', authType);
    return token;
  }

  private async byFamily(refresh: PresentedRefreshToken): Promise<TToken | null> {
    const stored = await this.lookup.byFamily(refresh.familyDigests);
    return stored && refresh.keyOf(stored.digests.refreshFamilyHash ?? '') !== undefined ? stored.token : null;
  }
}
