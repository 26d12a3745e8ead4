import { ForbiddenException, UnauthorizedException } from '@nestjs/common';

/** The one 401 there is: its body never tells why (R60). `errorCode` is RFC 6750's word for it. */
export function unauthorized(): UnauthorizedException {
  return new UnauthorizedException({ statusCode: 401, message: 'Unauthorized', errorCode: 'invalid_token' });
}

/** The answer to a good session whose login is longer ago than a route allows (RFC 9470 §3). */
export function staleLogin(maxAge: number): UnauthorizedException {
  return new UnauthorizedException({
    statusCode: 401,
    message: 'A more recent login is required',
    errorCode: 'insufficient_user_authentication',
    maxAge,
  });
}

/** The answer to an unsafe request from another site (R54). */
export function crossSite(): ForbiddenException {
  return new ForbiddenException({ statusCode: 403, message: 'Forbidden', errorCode: 'cross_site_request' });
}
