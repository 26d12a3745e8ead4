import type { ExecutionContext } from '@nestjs/common';
import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { hiddenField } from '../../sessions/hidden.js';
import { Challenge } from '../challenge.js';
import { unauthorized } from '../denials.js';
import { failureIn, requestOf } from '../request-context.js';
import type { TransportRequest } from '../transport-request.js';
import type { RequestInSession, RequirementKind } from './requirement.js';
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
    (Challenge.expectedOf(request) ?? challenge)?.accompany(error, context, false);
    throw await failureIn(context, error);
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
