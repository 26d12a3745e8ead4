import type { RejectionReason } from '../events/authentify-event.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';

/** What a credential is held against. */
export interface Presentation {
  /** Read once per call (R28). */
  now: number;
  /** How it was presented, where that is known. */
  authType: AuthType | undefined;
  /** When this kind of credential dies; `null` = never. */
  deadline: Date | null;
}

/** Why a session's credential is no good now, or `null` if it is (R17, R24, R39, R51). */
export async function refusalOf(
  token: AnyAuthToken,
  { now, authType, deadline }: Presentation,
  options: Pick<ResolvedOptions, 'enableAuthRestriction' | 'isUserActive'>,
): Promise<RejectionReason | null> {
  if (token.revokedAt !== null) return 'revoked';
  if (isPast(deadline, now)) return 'expired';
  if (isPast(token.sessionExpiresAt, now)) return 'session-expired';
  if (options.enableAuthRestriction && authType !== undefined && token.authType !== authType) return 'wrong-transport';
  if (token.user === null || token.user === undefined) return 'user-missing';
  if (!(await options.isUserActive(token.user))) return 'user-inactive';
  return null;
}
