import { type CanActivate, type ExecutionContext, Injectable, UnsupportedMediaTypeException } from '@nestjs/common';
import type { Request } from 'express';

/**
 * Lets only `application/json` through.
 *
 * Login and refresh set cookies and carry no session, so the guard of all routes does not look at them. Without a
 * defence of their own, a form on a foreign page could log its visitor in as somebody else, or spend the refresh cookie
 * of a sister domain. A form cannot send JSON, and a script of another origin may only where CORS allows it. That holds
 * in browsers too old for what the library's `CrossSiteGuard` looks at, which stands beside this one.
 */
@Injectable()
export class JsonOnlyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    if (request.is('application/json')) return true;
    throw new UnsupportedMediaTypeException('Send the body as application/json, be it {}');
  }
}
