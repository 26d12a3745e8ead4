import { type ExecutionContext, HttpException, Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../tokens/auth-type.js';
import { requestOf, responseOf, type TransportRequest } from './request-context.js';
import { ResponseHeaders } from './response-headers.js';

/** Tells a client that was turned away how to authenticate (RFC 9110 §11.6.1, R61). */
@Injectable()
export class Challenge {
  // Private to the language too: `inspect` can show a weak map's requests, and with them their headers (R63).
  readonly #expected = new WeakMap<TransportRequest, AuthType>();

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly headers: ResponseHeaders,
  ) {}

  /** Says which transport the guard of this request asks for; the header where no guard does. */
  expect(request: TransportRequest, authType: AuthType): void {
    this.#expected.set(request, authType);
  }

  /** Adds `WWW-Authenticate` to the answer if `error` is a 401; other failures get none. */
  accompany(error: unknown, context: ExecutionContext, presented: boolean): void {
    if (!(error instanceof HttpException) || error.getStatus() !== 401) return;
    // No scheme is registered for cookies; this one keeps browsers from asking for a password.
    const isCookie = this.#expected.get(requestOf(context)) === 'cookie';
    const scheme = isCookie ? 'Cookie' : this.options.authHeaderPrefixes[0];
    const detail = presented ? ', error="invalid_token"' : '';
    this.headers.set(responseOf(context), 'WWW-Authenticate', `${scheme} realm="${this.options.realm}"${detail}`);
  }
}
