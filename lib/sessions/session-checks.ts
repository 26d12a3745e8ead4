import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { RejectionReason } from '../events/authentify-event.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { UNREADABLE } from './context.js';
import { type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';
import { UserActivity } from './user-activity.js';

/** How and when a credential was presented. */
export interface Presentation {
  /** Read once per call (R28). */
  now: number;
  /** How it was presented, where that is known. */
  authType: AuthType | undefined;
  /** When this kind of credential dies; `null` = never. */
  deadline: Date | null;
}

/** The checks that every credential must pass, be it verified, refreshed or watched. */
@Injectable()
export class SessionChecks {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly activity: UserActivity,
  ) {}

  /** Why a session's credential is no good now, or `null` if it is (R17, R24, R39, R51). */
  async refusalOf(session: AnyAuthToken, { now, authType, deadline }: Presentation): Promise<RejectionReason | null> {
    const { enableAuthRestriction } = this.options;
    if (session.revokedAt !== null) return 'revoked';
    if (isPast(deadline, now)) return 'expired';
    if (isPast(session.sessionExpiresAt, now)) return 'session-expired';
    if (enableAuthRestriction && authType !== undefined && session.authType !== authType) return 'wrong-transport';
    if (session.context === UNREADABLE) return 'context-unreadable';
    if (session.user === null || session.user === undefined) return 'user-missing';
    if (!(await this.activity.isActive(session.user))) return 'user-inactive';
    return null;
  }
}
