import { type ExecutionContext, HttpException, Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../sessions/auth-type.js';
import { hiddenField } from '../sessions/hidden.js';
import { challengeIn } from './refusals.js';
import { requestOf, ResponseHeaders, responseOf, transportError } from './transports.js';

/** Details of a refused request. */
export interface RefusalDetails {
  /**
   * Whether the request had an invalid credential: the challenge then has `error="invalid_token"` (R61). `false` without a
   * credential, and if a valid session does not meet the requirements of the route.
   */
  invalidToken: boolean;
}

/** Makes the error to throw for a request that is refused, and sets headers on the response. */
export type Refuse = (error: unknown, context: ExecutionContext, details: RefusalDetails) => unknown;

/** How the guard that looked at a request refuses it: whoever refuses it later does so in that guard's way. */
export const refusers = hiddenField<Refuse>();

/** Tells a client that was turned away how to authenticate (RFC 9110 §11.6.1, R61). */
@Injectable()
export class Challenge {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly headers: ResponseHeaders,
  ) {}

  /** Adds `WWW-Authenticate` to the answer if `error` is a 401; other failures get none. */
  add(
    error: unknown,
    context: ExecutionContext,
    { invalidToken, authType }: RefusalDetails & { authType: AuthType },
  ): void {
    if (!(error instanceof HttpException) || error.getStatus() !== 401) return;
    const parameters = { ...(invalidToken && { error: 'invalid_token' }), ...challengeIn(error) };
    this.write(responseOf(context), authType, parameters);
  }

  /** Writes `WWW-Authenticate` for a transport, with these parameters beside the realm. */
  write(response: unknown, authType: AuthType, parameters: Record<string, string>): void {
    // No scheme is registered for cookies; this one keeps browsers from asking for a password.
    const scheme = authType === 'cookie' ? 'Cookie' : this.options.authHeaderPrefixes[0];
    const details = Object.entries({ realm: this.options.realm, ...parameters }).map(
      ([key, value]) => `${key}="${value}"`,
    );
    this.headers.set(response, 'WWW-Authenticate', `${scheme} ${details.join(', ')}`);
  }
}

/**
 * The error to throw for a request that was refused after its guard, in that guard's way; behind a guard that is not the
 * library's with the `challenge` of the header.
 */
export async function refusalOf(
  error: unknown,
  context: ExecutionContext,
  { challenge, invalidToken }: RefusalDetails & { challenge?: Challenge | undefined },
): Promise<unknown> {
  const refuse = refusers.get(requestOf(context));
  if (refuse) return refuse(error, context, { invalidToken });
  challenge?.add(error, context, { invalidToken, authType: 'header' });
  return transportError(context, error);
}
