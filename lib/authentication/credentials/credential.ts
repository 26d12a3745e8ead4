import type { AuthType } from '../../sessions/auth-type.js';

/** What a request presented as its credential, good or bad. */
export interface Credential {
  authType: AuthType;
  /** As presented; empty where it was no single well-formed one, which no token ever is. */
  rawToken: string;
  /** The cookie it came in. */
  cookieName?: string;
}
