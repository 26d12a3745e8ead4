import type { PresentedCredential, TransportRequest } from '../request.js';

/**
 * Reads the access token from the first of these cookies that is present (R12): exact names, no decoding, no
 * unquoting, so that every adapter and cookie parser sees the same. A name that comes twice is a bad credential (R13).
 *
 * @returns `null` when none of the cookies is present, or those present are empty.
 */
export function credentialInCookies(request: TransportRequest, names: readonly string[]): PresentedCredential | null {
  for (const cookieName of names) {
    const values = cookieValues(request, cookieName);
    const [rawToken = ''] = values;
    if (values.length > 1) return { authType: 'cookie', cookieName, rawToken: '' };
    if (rawToken !== '') return { authType: 'cookie', cookieName, rawToken };
  }
  return null;
}

/** Every value that a request's `Cookie` header has under a name (RFC 6265bis §4.2). */
export function cookieValues(request: TransportRequest, name: string): string[] {
  const header = request.headers.cookie;
  if (typeof header !== 'string') return [];
  const values: string[] = [];
  for (const pair of header.split(';')) {
    const separator = pair.indexOf('=');
    if (separator !== -1 && trim(pair.slice(0, separator)) === name) values.push(trim(pair.slice(separator + 1)));
  }
  return values;
}

/** Strips what HTTP calls optional white space, and nothing more; `String#trim` would take NBSP too. Linear by design. */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  // Beyond either end there is no character, so no white space.
  while (isOptionalSpace(text[start])) start += 1;
  while (isOptionalSpace(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isOptionalSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
