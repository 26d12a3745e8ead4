import { BadRequestException } from '@nestjs/common';
import type { PresentedCredential, TransportRequest } from '../request.js';

/** RFC 9110 §11.2; no quantifier is nested, so it cannot backtrack. */
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/;

/**
 * Reads `Authorization: <scheme> <token68>` (R9): the scheme in any letter case, then spaces and nothing else. Where a
 * Socket.IO client gave the token itself as `auth: { token }`, that stands for the header.
 *
 * @returns `null` when nothing, or a scheme that is none of ours, was presented.
 * @throws BadRequestException for more than one `Authorization` line (R10, RFC 6750 §3.1).
 */
export function credentialInHeader(request: TransportRequest, schemes: readonly string[]): PresentedCredential | null {
  const { handshakeToken } = request;
  if (handshakeToken !== undefined && handshakeToken !== null && handshakeToken !== '') {
    return { authType: 'header', rawToken: wellFormed(handshakeToken) };
  }
  const value = authorizationOf(request);
  const [, scheme = '', rest = ''] = /^([^ ]*)(.*)$/s.exec(value) ?? [];
  if (!schemes.some((known) => known.toLowerCase() === scheme.toLowerCase())) return null;
  return { authType: 'header', rawToken: wellFormed(rest.replace(/^ +/, '')) };
}

function wellFormed(rawToken: unknown): string {
  return typeof rawToken === 'string' && TOKEN68.test(rawToken) ? rawToken : '';
}

function authorizationOf(request: TransportRequest): string {
  // Node keeps only the first of several lines in `headers`; all of them are in `rawHeaders`.
  const raw = request.rawHeaders ?? request.raw?.rawHeaders ?? [];
  const lines = raw.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization');
  const value = request.headers.authorization ?? '';
  if (lines.length > 1 || typeof value !== 'string') {
    throw new BadRequestException({ statusCode: 400, message: 'Bad Request', errorCode: 'invalid_request' });
  }
  return value;
}
