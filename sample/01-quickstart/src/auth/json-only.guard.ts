import { type CanActivate, type ExecutionContext, Injectable, UnsupportedMediaTypeException } from '@nestjs/common';
import type { Request } from 'express';

/**
 * Lets only `application/json` through.
 *
 * Login sets cookies and carries no session, so the guard of all routes does not look at it. Without a defence of its
 * own, a form on a foreign page could log its visitor in as somebody else. A form cannot send JSON, and a script of
 * another origin may only where CORS allows it. That holds in browsers too old for what the library's `CrossSiteGuard`
 * looks at, which stands beside this one.
 */
@Injectable()
export class JsonOnlyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    if (request.is('application/json')) return true;
    throw new UnsupportedMediaTypeException('Send the body as application/json, be it {}');
  }
}
