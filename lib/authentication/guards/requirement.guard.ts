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
import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { hiddenField } from '../../sessions/hidden.js';
import { Challenge, refusalOf } from '../challenge.js';
import { unauthorized } from '../refusals.js';
import { requestOf } from '../transports.js';
import type { TransportRequest } from '../request.js';
import { CONTEXT, FRESHNESS, type RequestInSession, type RequirementKind } from './requirements.js';
import { type RouteRequirement, routeOf } from './route.js';

/** What a session came to that was held against a requirement. */
interface Outcome {
  requirement: RouteRequirement;
  auth: AbstractAuthToken;
  settled: void | Promise<void>;
}

const outcomes = hiddenField<Outcome[]>();

/**
 * The one place that decides whether the session a request acts in meets what its route asks for (R69). Guards of the
 * library ask right after they authenticated; whoever asks later for the same request, route and session hears the same.
 *
 * @param kind what alone is asked for. Default: everything.
 * @throws UnauthorizedException (401) without a session, and what {@link RequirementKind.check} throws; with its
 * challenge, in the form of its transport.
 */
export async function assertRequirements(
  context: ExecutionContext,
  { kind, challenge }: { kind?: RequirementKind<never>; challenge?: Challenge | undefined } = {},
): Promise<void> {
  const { requirements } = routeOf(context);
  const asked = kind ? requirements.filter((one) => one.kind === kind) : requirements;
  if (asked.length === 0) return;
  const request = requestOf(context);
  try {
    if (!isInSession(request)) throw unauthorized();
    // The messages of a socket share one request, and time passes between them; those who decide about one message
    // share its arguments.
    const holder = request.openedSocket ? context.getArgs<unknown[]>() : request;
    for (const requirement of asked) await outcomeOf(holder, requirement, request);
  } catch (error) {
    throw await refusalOf(error, context, { challenge, invalidToken: false });
  }
}

function isInSession(request: TransportRequest): request is RequestInSession {
  return request.auth !== undefined && request.auth !== null;
}

function outcomeOf(holder: object, requirement: RouteRequirement, request: RequestInSession): Outcome['settled'] {
  const known = outcomes.get(holder) ?? [];
  const same = known.find((one) => one.requirement === requirement && one.auth === request.auth);
  if (same) return same.settled;
  const settled = requirement.kind.check(requirement.required, request);
  outcomes.set(holder, [...known, { requirement, auth: request.auth, settled }]);
  return settled;
}

/**
 * Asks for requirements of one kind behind guards that are not this library's, which do not ask themselves: in the guard
 * phase if somebody authenticated by then, else as an interceptor, before the handler. Decorators put it there twice.
 */
@Injectable()
export abstract class RequirementGuard implements CanActivate, NestInterceptor {
  // Unit specs of a controller run it without the module.
  @Optional() @Inject() private readonly challenge?: Challenge;

  /** @internal */
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

/**
 * Enforces `@RequireContext` behind guards that are not the library's. The decorator adds it, so you never name it; unit
 * tests can override it.
 */
@Injectable()
export class ContextGuard extends RequirementGuard {
  /** @internal */
  protected readonly kind = CONTEXT;
}

/**
 * Enforces `@RequireFresh` behind guards that are not the library's. The decorator adds it, so you never name it; unit
 * tests can override it.
 */
@Injectable()
export class FreshGuard extends RequirementGuard {
  /** @internal */
  protected readonly kind = FRESHNESS;
}
