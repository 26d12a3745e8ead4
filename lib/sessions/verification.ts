import { Injectable } from '@nestjs/common';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { RejectionReason } from '../events/authentify-event.js';
import type { AuthType } from './auth-type.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import type { Place } from './place.js';
import { PresentedTokens } from './presented-tokens.js';
import { TokenChecks } from './token-checks.js';
import { SessionLookup } from '../store/lookup/session-lookup.js';

/** Verifies access tokens: one look-up, no write (R16, R17, R22). */
@Injectable()
export class TokenVerifier<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    private readonly checks: TokenChecks,
    private readonly lookup: SessionLookup<TToken>,
    private readonly presented: PresentedTokens,
    private readonly events: AuthentifyEvents,
  ) {}

  /** The same in an app's transaction. */
  within({ lookup, events }: Place<TToken>): TokenVerifier<TToken> {
    return new TokenVerifier(this.checks, lookup, this.presented, events);
  }

  /** The live session of an access token with its user, or `null`. */
  async verify(rawToken: unknown, authType?: AuthType): Promise<TToken | null> {
    const now = Date.now();
    const digests = this.presented.accessDigests(rawToken);
    if (!digests) return this.reject('malformed', authType);

    const token = await this.lookup.byAccessToken(digests);
    if (!token) return this.reject('unknown', authType);

    const refusal = await this.checks.refusalOf(token, { now, authType, deadline: token.expiresAt });
    if (refusal) return this.reject(refusal, authType, token);

    this.events.emit({ type: 'authenticated', sessionId: token.id, userId: token.userId, authType: token.authType });
    return token;
  }

  private reject(reason: RejectionReason, authType: AuthType | undefined, token?: TToken): null {
    this.events.reject(reason, authType, token);
    return null;
  }
}
