import { HttpException, Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../tokens/auth-type.js';
import { ResponseHeaders } from './response-headers.js';

/** Tells a client that was turned away how to authenticate (RFC 9110 §11.6.1, R61). */
@Injectable()
export class Challenge {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly headers: ResponseHeaders,
  ) {}

  /** Adds `WWW-Authenticate` to the answer if `error` is a 401; other failures get none. */
  accompany(error: unknown, response: unknown, authType: AuthType, presented: boolean): void {
    if (!(error instanceof HttpException) || error.getStatus() !== 401) return;
    // No scheme is registered for cookies; this one keeps browsers from asking for a password.
    const scheme = authType === 'cookie' ? 'Cookie' : this.options.authHeaderPrefixes[0];
    const detail = presented ? ', error="invalid_token"' : '';
    this.headers.set(response, 'WWW-Authenticate', `${scheme} realm="${this.options.realm}"${detail}`);
  }
}
