import { type CanActivate, type ExecutionContext, Injectable, UnsupportedMediaTypeException } from '@nestjs/common';
import { crossSiteRefusal } from '../authentication/cross-site-check.js';
import { isForeignWrite, isSafe } from '../authentication/csrf.js';
import { requestOf } from '../authentication/request-context.js';
import type { TransportRequest } from '../authentication/transport-request.js';
import { AdminRegistration } from './admin-registration.js';

/** What holds where the app has switched its own check off: its admins' browsers are still worth protecting. */
const STRICT = { trustedOrigins: [], requireOrigin: false };

/**
 * Refuses what another site could make an administrator's browser send, whatever the app's guards go by: a cookie, a
 * password the browser keeps, or the network it is in (R54). Only JSON is taken, which no form can send.
 *
 * @throws ForbiddenException (403), UnsupportedMediaTypeException (415).
 */
@Injectable()
export class AdminRequestGuard implements CanActivate {
  constructor(private readonly registration: AdminRegistration) {}

  canActivate(context: ExecutionContext): boolean {
    const request = requestOf(context);
    if (isSafe(request)) return true;
    const { options, events } = this.registration;
    if (isForeignWrite(request, options.csrf || STRICT)) throw crossSiteRefusal(request, events);
    if (!isJson(request)) throw new UnsupportedMediaTypeException('Send JSON: Content-Type: application/json');
    return true;
  }
}

function isJson({ headers }: TransportRequest): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && /^application\/json\s*(?:;|$)/i.test(type);
}
