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
import { requestOf, responseOf, type TransportRequest } from '../request-context.js';
import { type ContextPredicate, holds, REQUIRED_CONTEXT } from './required-context.js';

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
    const targets = [context.getHandler(), context.getClass()];
    const required = this.reflector.getAllAndOverride<object | ContextPredicate | undefined>(REQUIRED_CONTEXT, targets);
    if (required === undefined) return true;
    const request = requestOf(context);
    if (!request.auth) throw this.refuse(context);
    if (!(await isMet(required, request))) throw new ForbiddenException();
    return true;
  }

  private refuse(context: ExecutionContext): Error {
    const error = unauthorized();
    this.challenge.accompany(error, responseOf(context), 'header', false);
    return error;
  }
}

async function isMet(required: object | ContextPredicate, request: TransportRequest): Promise<boolean> {
  const context = request.auth?.contextObj;
  if (typeof required !== 'function') return holds(context, required);
  return (required as ContextPredicate)(context as never, request);
}
