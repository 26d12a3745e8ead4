import { Injectable } from '@nestjs/common';
import { FRESHNESS } from './required-freshness.js';
import { RequirementGuard } from './requirement.guard.js';

/**
 * Enforces `@RequireFresh` where no guard of this library does. The decorator brings it along, so that nobody needs to
 * name it; unit specs can override it.
 */
@Injectable()
export class FreshGuard extends RequirementGuard {
  protected readonly kind = FRESHNESS;
}
