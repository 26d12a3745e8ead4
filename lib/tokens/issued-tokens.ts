import { inspect, type InspectOptions } from 'node:util';
import { hide } from './hidden.js';
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
    // Serialisers that know no `toJSON` walk over properties: they find what it promises, and not the row.
    hide<IssuedTokens<TToken>>(this, 'token');
    show(this, 'expiresAt', () => token.expiresAt);
    show(this, 'refreshUntil', () => token.refreshUntil);
    Object.freeze(this);
  }

  toJSON(): IssuedTokensJson {
    return Object.fromEntries(Object.entries(this)) as unknown as IssuedTokensJson;
  }

  /** @internal */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const shown = { accessToken: REDACTED, refreshToken: this.refreshToken && REDACTED, token: this.token };
    return `IssuedTokens ${inspect(shown, options)}`;
  }
}

function show(issued: object, name: keyof IssuedTokensJson, instant: () => Date | null): void {
  Object.defineProperty(issued, name, { enumerable: true, get: () => instant()?.toISOString() ?? null });
}
