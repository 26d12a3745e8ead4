import { inspect, type InspectOptions } from 'node:util';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';

const REDACTED = '[redacted]';

/** What a client needs to know of a new pair. */
export interface IssuedTokensJson {
  accessToken: string;
  refreshToken: string | null;
  /** ISO 8601; `null` = never. */
  expiresAt: string | null;
  /** ISO 8601; `null` = there is no refresh token. */
  refreshUntil: string | null;
}

/**
 * A new pair, and the only place its raw values ever exist. Frozen. Its JSON is made for the client that logs in;
 * `inspect` and logs show no token (R63).
 */
export class IssuedTokens<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    readonly accessToken: string,
    /** `null` when the session has no refresh token. */
    readonly refreshToken: string | null,
    /** The session's row. */
    readonly token: TToken,
  ) {
    Object.freeze(this);
  }

  toJSON(): IssuedTokensJson {
    return {
      accessToken: this.accessToken,
      refreshToken: this.refreshToken,
      expiresAt: this.token.expiresAt?.toISOString() ?? null,
      refreshUntil: this.token.refreshUntil?.toISOString() ?? null,
    };
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const shown = { accessToken: REDACTED, refreshToken: this.refreshToken && REDACTED, token: this.token };
    return `IssuedTokens ${inspect(shown, options)}`;
  }
}
