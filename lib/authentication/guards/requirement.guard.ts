import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
} from '@nestjs/common';
import type { Observable } from 'rxjs';
import { Challenge } from '../challenge.js';
import { requestOf } from '../request-context.js';
import type { RequirementKind } from './requirement.js';
import { routeOf } from './route.js';
import { assertRequirements } from './session-requirements.js';

/**
 * Asks for requirements of one kind behind guards that are not this library's, which do not ask themselves: in the guard
 * phase if somebody authenticated by then, else as an interceptor, before the handler. Decorators put it there twice.
 */
@Injectable()
export abstract class RequirementGuard implements CanActivate, NestInterceptor {
  // Unit specs of a controller run it without the module.
  @Optional() @Inject() private readonly challenge?: Challenge;

  protected abstract readonly kind: RequirementKind<never>;

  /** @throws UnauthorizedException without a session, where no guard is left to bring one. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (routeOf(context).requirements.length === 0) return true;
    if (requestOf(context).auth || !isBeforeOthers(context)) await this.check(context);
    return true;
  }

  /** @throws UnauthorizedException without a session. */
  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    await this.check(context);
    return next.handle();
  }

  private check(context: ExecutionContext): Promise<void> {
    return assertRequirements(context, { kind: this.kind, challenge: this.challenge });
  }
}

/** Whether a guard of another sort stands after one of these, as decorators may stand in any order. */
function isBeforeOthers(context: ExecutionContext): boolean {
  const isOther = routeOf(context).guards.map((guard) => !(guard.prototype instanceof RequirementGuard));
  return isOther.includes(true, isOther.indexOf(false));
}
