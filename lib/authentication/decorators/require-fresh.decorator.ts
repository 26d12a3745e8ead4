import { applyDecorators, UseGuards, UseInterceptors } from '@nestjs/common';
import { type Duration, parseNamedDuration } from '../../options/duration.js';
import { FreshGuard } from '../guards/fresh.guard.js';
import { FRESHNESS } from '../guards/required-freshness.js';
import { addRequirement } from '../guards/requirement.js';

/**
 * Lets only sessions pass whose user logged in less than `maxAge` ago; a refresh or a slide is no login. Otherwise 401
 * with the challenge `error="insufficient_user_authentication", max_age="600"` of RFC 9470, which asks the client for a
 * new login, not for a refresh. It is enforced after all guards, so its place among the decorators does not matter; of
 * several, on a controller and a method, the shortest counts (ASVS 7.5.1).
 *
 * @param maxAge seconds or an `ms` string.
 * @example `@RequireFresh('10m')`
 * @throws TypeError, RangeError while decorating, for what is no positive duration.
 */
export function RequireFresh(maxAge: Duration): MethodDecorator & ClassDecorator {
  return applyDecorators(
    addRequirement(FRESHNESS, parseNamedDuration('@RequireFresh', maxAge)),
    UseGuards(FreshGuard),
    UseInterceptors(FreshGuard),
  );
}
