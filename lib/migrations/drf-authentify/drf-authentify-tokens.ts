import type { LegacyTokens } from '../../options/authentify-options.js';

/** Python's `token_urlsafe(32)` and `token_urlsafe(48)`. No token of this library is that short or that long. */
const ACCESS = /^[0-9A-Za-z_-]{43}$/;
const REFRESH = /^[0-9A-Za-z_-]{64}$/;

/**
 * The tokens of drf-authentify, for the option `acceptLegacyTokens`: clients of the sessions that
 * {@link importDrfAuthentify} brought over keep theirs.
 *
 * @example `AuthentifyModule.forRoot({ userEntity: User, acceptLegacyTokens: drfAuthentifyTokens })`
 */
export const drfAuthentifyTokens: LegacyTokens = Object.freeze({
  isAccessToken: (token: string) => ACCESS.test(token),
  isRefreshToken: (token: string) => REFRESH.test(token),
});
