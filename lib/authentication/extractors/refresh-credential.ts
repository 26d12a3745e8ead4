import { BadRequestException } from '@nestjs/common';
import type { Credential } from '../credential.js';
import type { TransportRequest } from '../transport-request.js';
import { credentialInCookies } from './cookie-header.js';

/**
 * Reads a refresh token: the field `refreshToken` of a JSON body, which makes it a header session's, or else its cookie
 * (R11). As with access tokens, what a client states decides, and the cookie that its browser adds is not tried.
 *
 * @returns `null` when neither is there.
 * @throws BadRequestException for a field that is no string (R14).
 */
export function refreshCredential(request: TransportRequest, cookieName: string | null): Credential | null {
  const stated = isJson(request)
    ? (request.body as { refreshToken?: unknown } | null | undefined)?.refreshToken
    : undefined;
  if (stated === undefined) return cookieName === null ? null : credentialInCookies(request, [cookieName]);
  if (typeof stated !== 'string') throw new BadRequestException('refreshToken must be a string');
  return { authType: 'header', rawToken: stated };
}

/** Whether a body, if there is one, is JSON by its media type (RFC 9110 §8.3.1): forms of foreign pages never are. */
export function isJson({ headers }: TransportRequest): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && /^application\/json *(;|$)/i.test(type);
}
