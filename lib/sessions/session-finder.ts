import { Injectable } from '@nestjs/common';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { AuthType } from './auth-type.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from './entities/abstract-auth-token.js';
import { type PresentedRefreshToken, PresentedTokens } from './presented-tokens.js';
import type { Page } from '../store/session-columns.js';
import { SessionLookup } from '../store/lookup/session-lookup.js';
import { TokenRepository } from '../store/token.repository.js';

/**
 * Finds sessions for the session routes: by a token of either kind, whether or not it can still be used, because who logs
 * out may hold no more than an access token that has run out (R49, R74); and a user's own, page by page.
 */
@Injectable()
export class SessionFinder<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    private readonly lookup: SessionLookup<TToken>,
    private readonly presented: PresentedTokens,
    private readonly tokens: TokenRepository<TToken>,
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

  /** A part of a user's sessions that can still be used, newest first. */
  pageOf(userId: UserId, page: Page): Promise<TToken[]> {
    return this.tokens.live(userId, Date.now(), page);
  }

  private async byFamily(refresh: PresentedRefreshToken): Promise<TToken | null> {
    const stored = await this.lookup.byFamily(refresh.familyDigests);
    return stored && refresh.formOf(stored.digests.refreshFamilyHash ?? '') ? stored.token : null;
  }
}
