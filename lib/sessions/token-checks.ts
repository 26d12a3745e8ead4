import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { RejectionReason } from '../events/authentify-event.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from './auth-type.js';
import { type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';
import { UNREADABLE } from './entities/context.transformer.js';
import { UserActivity } from './user-activity.js';

/** What a credential is held against. */
export interface Presentation {
  /** Read once per call (R28). */
  now: number;
  /** How it was presented, where that is known. */
  authType: AuthType | undefined;
  /** When this kind of credential dies; `null` = never. */
  deadline: Date | null;
}

/** What every credential must pass, be it verified, refreshed or watched. */
@Injectable()
export class TokenChecks {
  private readonly logger = new Logger('SessionWatcher');

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly activity: UserActivity,
  ) {}

  /** Why a session's credential is no good now, or `null` if it is (R17, R24, R39, R51). */
  async refusalOf(token: AnyAuthToken, { now, authType, deadline }: Presentation): Promise<RejectionReason | null> {
    const { enableAuthRestriction } = this.options;
    if (token.revokedAt !== null) return 'revoked';
    if (isPast(deadline, now)) return 'expired';
    if (isPast(token.sessionExpiresAt, now)) return 'session-expired';
    if (enableAuthRestriction && authType !== undefined && token.authType !== authType) return 'wrong-transport';
    if (token.context === UNREADABLE) return 'context-unreadable';
    if (token.user === null || token.user === undefined) return 'user-missing';
    if (!(await this.activity.isActive(token.user))) return 'user-inactive';
    return null;
  }

  /** Why a session that is watched is over; `null` where it is not, or where the app's function fails to say. */
  async endOf(session: AnyAuthToken, now: number): Promise<RejectionReason | null> {
    try {
      return await this.refusalOf(session, { now, authType: undefined, deadline: session.expiresAt });
    } catch (error) {
      // Of a function that takes too long is told where it is called, once.
      if (!(error instanceof AuthentifyUnavailableError)) {
        this.logger.error(
          `Session ${session.id} could not be judged; it stays until it expires or the next check`,
          error instanceof Error ? error.stack : undefined,
        );
      }
      return null;
    }
  }
}
