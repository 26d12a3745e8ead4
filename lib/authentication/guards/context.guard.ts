import { ForbiddenException, Injectable } from '@nestjs/common';
import { type ContextPredicate, type ContextRequirement, holds, REQUIRED_CONTEXT } from './required-context.js';
import { type RequestInSession, RequirementGuard } from './requirement.guard.js';

/** Enforces `@RequireContext`. */
@Injectable()
export class ContextGuard extends RequirementGuard<ContextRequirement> {
  protected readonly key = REQUIRED_CONTEXT;

  /** @throws ForbiddenException for another context. */
  protected async check(requirements: ContextRequirement[], request: RequestInSession): Promise<void> {
    for (const requirement of requirements) {
      if (!(await isMet(requirement, request))) throw new ForbiddenException();
    }
  }
}

async function isMet(required: ContextRequirement, request: RequestInSession): Promise<boolean> {
  const context = request.auth.contextObj;
  if (typeof required !== 'function') return holds(context, required);
  return (required as ContextPredicate)(context, request);
}
