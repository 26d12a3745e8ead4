import type { KeyObject } from 'node:crypto';
import type { AuthHook } from './auth-handler.js';
import type { CookieOptions, LegacyTokens } from './authentify-options.js';
import type { Milliseconds } from './duration.js';

/** The options as the library reads them: validated, complete, frozen; lengths of time in milliseconds. */
export interface ResolvedOptions {
  readonly tokenTtl: Milliseconds | null;
  readonly refreshTokenTtl: Milliseconds | null;
  readonly autoRefreshInterval: Milliseconds | null;
  readonly autoRefreshMaxTtl: Milliseconds | null;
  readonly sessionMaxTtl: Milliseconds | null;
  readonly enforceSingleLogin: boolean;
  readonly maxSessionsPerUser: number | null;
  readonly enableAuthRestriction: boolean;
  readonly secureHashAlgorithm: readonly string[];
  /** Key objects, because `inspect` and JSON show nothing of them; `null` = none. */
  readonly hashSecrets: readonly (KeyObject | null)[];
  readonly authHeaderPrefixes: readonly string[];
  readonly authCookieNames: readonly string[];
  /** Empty where none is ever written. */
  readonly refreshCookieName: readonly string[];
  readonly keepExpiredTokens: boolean | Milliseconds;
  readonly pruneSchedule: string | null;
  readonly strictContextAccess: boolean;
  readonly postAuthHandler: AuthHook | null;
  readonly postAutoRefreshHandler: AuthHook | null;
  readonly refreshGracePeriod: Milliseconds;
  readonly tokenPrefix: readonly string[];
  readonly cookie: Readonly<Required<Omit<CookieOptions, 'domain'>> & Pick<CookieOptions, 'domain'>>;
  readonly csrf: { readonly trustedOrigins: readonly string[]; readonly requireOrigin: boolean } | false;
  readonly realm: string;
  /** `null` = the user's own `isActive` tells. */
  readonly isUserActive: ((user: unknown) => boolean | Promise<boolean>) | null;
  readonly acceptLegacyTokens: LegacyTokens | null;
  readonly contextMaxBytes: number;
  readonly preparedStatements: boolean;
  readonly sqlComment: string | null;
  readonly sessionCheckInterval: Milliseconds;
}
