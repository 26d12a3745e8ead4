import { ForbiddenException, UnauthorizedException } from '@nestjs/common';

/** The one 401 there is: its body never tells why (R60). `errorCode` is RFC 6750's word for it. */
export function unauthorized(): UnauthorizedException {
  return new UnauthorizedException({ statusCode: 401, message: 'Unauthorized', errorCode: 'invalid_token' });
}

/** The answer to an unsafe request from another site (R54). */
export function crossSite(): ForbiddenException {
  return new ForbiddenException({ statusCode: 403, message: 'Forbidden', errorCode: 'cross_site_request' });
}
