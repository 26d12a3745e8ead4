import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { Challenge } from '../challenge.js';
import { unauthorized } from '../denials.js';
import { requestOf, type TransportRequest } from '../request-context.js';
import { type ContextPredicate, type ContextRequirement, holds, REQUIRED_CONTEXT } from './required-context.js';

/**
 * Enforces `@RequireContext`. The decorator runs it as an interceptor, because interceptors run after every guard and
 * so after whichever one authenticates; where the order is plain it can be used as a guard too.
 */
@Injectable()
export class ContextGuard implements CanActivate, NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly challenge: Challenge,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    await this.canActivate(context);
    return next.handle();
  }

  /** @throws ForbiddenException for another context, UnauthorizedException without a session. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = requestOf(context);
    for (const requirement of this.requirementsOf(context)) {
      if (!request.auth) throw this.refuse(context);
      if (!(await isMet(requirement, request))) throw new ForbiddenException();
    }
    return true;
  }

  /** The controller's and the handler's own. */
  private requirementsOf(context: ExecutionContext): ContextRequirement[] {
    return [context.getClass(), context.getHandler()].flatMap(
      (target) => this.reflector.get<ContextRequirement[] | undefined>(REQUIRED_CONTEXT, target) ?? [],
    );
  }

  private refuse(context: ExecutionContext): Error {
    const error = unauthorized();
    this.challenge.accompany(error, context, false);
    return error;
  }
}

async function isMet(required: ContextRequirement, request: TransportRequest): Promise<boolean> {
  const context = request.auth?.contextObj;
  if (typeof required !== 'function') return holds(context, required);
  return (required as ContextPredicate)(context as never, request);
}
