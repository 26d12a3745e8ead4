import { Injectable } from '@nestjs/common';
import { CONTEXT } from './required-context.js';
import { RequirementGuard } from './requirement.guard.js';

/**
 * Enforces `@RequireContext` where no guard of this library does. The decorator brings it along, so that nobody needs to
 * name it; unit specs can override it.
 */
@Injectable()
export class ContextGuard extends RequirementGuard {
  protected readonly kind = CONTEXT;
}
