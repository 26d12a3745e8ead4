import { type ExecutionContext, HttpException, Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../sessions/auth-type.js';
import { hiddenField } from '../sessions/hidden.js';
import { challengeIn } from './denials.js';
import { requestOf, responseOf } from './request-context.js';
import type { TransportRequest } from './transport-request.js';
import { ResponseHeaders } from './response-headers.js';

/** Which registration's guard looks at a request, and the transport it asks for. */
const expected = hiddenField<{ challenge: Challenge; authType: AuthType }>();

/** Tells a client that was turned away how to authenticate (RFC 9110 §11.6.1, R61). */
@Injectable()
export class Challenge {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly headers: ResponseHeaders,
  ) {}

  /** The challenge of the guard that looked at this request, be it of another registration. */
  static expectedOf(request: TransportRequest): Challenge | undefined {
    return expected.get(request)?.challenge;
  }

  /** Says which transport the guard of this request asks for; the header where no guard does. */
  expect(request: TransportRequest, authType: AuthType): void {
    expected.set(request, { challenge: this, authType });
  }

  /** Adds `WWW-Authenticate` to the answer if `error` is a 401; other failures get none. */
  accompany(error: unknown, context: ExecutionContext, presented: boolean): void {
    if (!(error instanceof HttpException) || error.getStatus() !== 401) return;
    this.write(requestOf(context), responseOf(context), {
      ...(presented && { error: 'invalid_token' }),
      ...challengeIn(error),
    });
  }

  /** Writes `WWW-Authenticate` with these parameters beside the realm. */
  write(request: TransportRequest, response: unknown, parameters: Record<string, string>): void {
    // No scheme is registered for cookies; this one keeps browsers from asking for a password.
    const scheme = expected.get(request)?.authType === 'cookie' ? 'Cookie' : this.options.authHeaderPrefixes[0];
    const details = Object.entries({ realm: this.options.realm, ...parameters }).map(
      ([key, value]) => `${key}="${value}"`,
    );
    this.headers.set(response, 'WWW-Authenticate', `${scheme} ${details.join(', ')}`);
  }
}
