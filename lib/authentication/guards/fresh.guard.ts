import { type ExecutionContext, Injectable } from '@nestjs/common';
import type { Milliseconds } from '../../options/duration.js';
import { staleLogin } from '../denials.js';
import { type RequestInSession, RequirementGuard } from './requirement.guard.js';

/** Metadata key of the list of what `@RequireFresh` asks for. */
export const REQUIRED_FRESHNESS = 'authentify:required-freshness';

/** Enforces `@RequireFresh`. */
@Injectable()
export class FreshGuard extends RequirementGuard<Milliseconds> {
  protected readonly key = REQUIRED_FRESHNESS;

  /** @throws UnauthorizedException, with the challenge of RFC 9470 §3, for a login that is too long ago. */
  protected check(maxAges: Milliseconds[], { auth }: RequestInSession, context: ExecutionContext): void {
    const maxAge = Math.min(...maxAges);
    // A login that lies ahead was made before the clock was set back: nobody can say how long ago.
    if (Math.abs(Date.now() - auth.createdAt.getTime()) < maxAge) return;
    const seconds = Math.floor(maxAge / 1000);
    this.demand(context, { error: 'insufficient_user_authentication', max_age: String(seconds) });
    throw staleLogin(seconds);
  }
}
