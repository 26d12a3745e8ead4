import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Observable } from 'rxjs';
import type { AbstractAuthToken } from '../../tokens/entities/abstract-auth-token.js';
import { Challenge } from '../challenge.js';
import { unauthorized } from '../denials.js';
import { failureIn, requestOf, responseOf } from '../request-context.js';
import type { TransportRequest } from '../transport-request.js';

/** A request in a session. */
export type RequestInSession = TransportRequest & { auth: AbstractAuthToken };

/**
 * Enforces what decorators ask of the session a request acts in. They run it as an interceptor, because interceptors
 * run after every guard and so after whichever one authenticates; where the order is plain it can be used as a guard too.
 */
@Injectable()
export abstract class RequirementGuard<TRequirement> implements CanActivate, NestInterceptor {
  @Inject() private readonly reflector: Reflector;
  @Optional() @Inject() private readonly challenge?: Challenge;

  /** Metadata key of the list of requirements. */
  protected abstract readonly key: string;

  /** @throws HttpException where the session does not meet a requirement. */
  protected abstract check(requirements: TRequirement[], request: RequestInSession, context: ExecutionContext): unknown;

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    await this.canActivate(context);
    return next.handle();
  }

  /** @throws UnauthorizedException without a session, and what {@link check} throws. */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const requirements = this.requirementsOf(context);
    const request = requestOf(context);
    if (requirements.length === 0) return true;
    try {
      if (!request.auth) {
        this.demand(context, {});
        throw unauthorized();
      }
      await this.check(requirements, request as RequestInSession, context);
      return true;
    } catch (error) {
      throw await failureIn(context, error);
    }
  }

  /** Tells the client what to authenticate with, in the words of the guard that looked at its request. */
  protected demand(context: ExecutionContext, parameters: Record<string, string>): void {
    const request = requestOf(context);
    const challenge = Challenge.expectedOf(request) ?? this.challenge;
    challenge?.write(request, responseOf(context), parameters);
  }

  /** The controller's and the handler's own. */
  private requirementsOf(context: ExecutionContext): TRequirement[] {
    return [context.getClass(), context.getHandler()].flatMap(
      (target) => this.reflector.get<TRequirement[] | undefined>(this.key, target) ?? [],
    );
  }
}

/** Adds to what is asked for already, so that several decorators, or one on the controller too, all count. */
export function addRequirement(key: string, requirement: unknown): MethodDecorator & ClassDecorator {
  return (target: object, _property?: unknown, descriptor?: PropertyDescriptor) => {
    const holder = (descriptor?.value ?? target) as object;
    const known = (Reflect.getMetadata(key, holder) ?? []) as unknown[];
    Reflect.defineMetadata(key, [...known, requirement], holder);
  };
}
