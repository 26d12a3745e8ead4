import { inspect, type InspectOptions } from 'node:util';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';

const REDACTED = '[redacted]';

/** A new pair, as a client needs it. */
export interface IssuedTokensJson {
  accessToken: string;
  refreshToken: string | null;
  /** ISO 8601; `null` = never. */
  expiresAt: string | null;
  /** ISO 8601; `null` = there is no refresh token. */
  refreshUntil: string | null;
}

/**
 * A new pair, and the only place where the raw tokens exist. Frozen. Its JSON is meant for the client; `inspect` and logs
 * show no tokens (R63).
 */
export class IssuedTokens<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    readonly accessToken: string,
    /** `null` if the session has no refresh token. */
    readonly refreshToken: string | null,
    /** The session. */
    readonly token: TToken,
  ) {
    Object.freeze(this);
  }

  /** When the access token expires, for the client. ISO 8601; `null` = never. */
  get expiresAt(): string | null {
    return this.token.expiresAt?.toISOString() ?? null;
  }

  /** When the refresh token expires, for the client. ISO 8601; `null` = there is no refresh token. */
  get refreshUntil(): string | null {
    return this.token.refreshUntil?.toISOString() ?? null;
  }

  toJSON(): IssuedTokensJson {
    const { accessToken, refreshToken, expiresAt, refreshUntil } = this;
    return { accessToken, refreshToken, expiresAt, refreshUntil };
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const shown = { accessToken: REDACTED, refreshToken: this.refreshToken && REDACTED, token: this.token };
    return `IssuedTokens ${inspect(shown, options)}`;
  }
}
