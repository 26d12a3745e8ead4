import { ForbiddenException, HttpException, UnauthorizedException } from '@nestjs/common';

/** What a client is told of a failure, whatever the transport. */
export interface RefusalBody {
  statusCode: number;
  message: string;
}

/** The body of the one 401 there is: it never tells why (R60). `errorCode` is RFC 6750's word for it. */
export const INVALID_TOKEN = { statusCode: 401, message: 'Unauthorized', errorCode: 'invalid_token' } as const;

export function unauthorized(): UnauthorizedException {
  return new UnauthorizedException({ ...INVALID_TOKEN });
}

/** RFC 9470's word for a login that is too long ago. */
const STALE_LOGIN = 'insufficient_user_authentication';

/** The answer to a good session whose login is longer ago than a route allows (RFC 9470 §3). */
export function staleLogin(maxAge: number): UnauthorizedException {
  return new UnauthorizedException({
    statusCode: 401,
    message: 'A more recent login is required',
    errorCode: STALE_LOGIN,
    maxAge,
  });
}

/** What the challenge of a 401 says of its reason; nothing where that is told nobody. */
export function challengeIn(error: HttpException): Record<string, string> {
  const { errorCode, maxAge } = error.getResponse() as { errorCode?: unknown; maxAge?: unknown };
  return errorCode === STALE_LOGIN ? { error: STALE_LOGIN, max_age: String(maxAge) } : {};
}

/** The answer to an unsafe request from another site (R54). */
export function crossSite(): ForbiddenException {
  return new ForbiddenException({ statusCode: 403, message: 'Forbidden', errorCode: 'cross_site_request' });
}

/** What an HTTP client would be told of this error; `null` where that is no more than "Internal server error". */
export function refusalBodyOf(error: unknown): RefusalBody | null {
  if (!(error instanceof HttpException)) return null;
  const body = error.getResponse();
  return { statusCode: error.getStatus(), message: error.message, ...(typeof body === 'object' && body) };
}
