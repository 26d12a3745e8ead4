import type { Milliseconds } from '../../options/duration.js';
import { staleLogin } from '../denials.js';
import type { RequirementKind } from './requirement.js';

/** What `@RequireFresh` asks for: how long ago the login may be. */
export const FRESHNESS: RequirementKind<Milliseconds> = {
  key: 'authentify:required-freshness',

  /** @throws UnauthorizedException (401, RFC 9470 §3) for a login that is too long ago. */
  check(maxAges, { auth }) {
    const maxAge = Math.min(...maxAges);
    // A login that lies ahead was made before the clock was set back: nobody can say how long ago.
    if (Math.abs(Date.now() - auth.createdAt.getTime()) >= maxAge) throw staleLogin(Math.floor(maxAge / 1000));
  },
};
