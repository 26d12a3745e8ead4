import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { responseOf } from '../authentication/request-context.js';
import { ResponseHeaders } from '../authentication/response-headers.js';

/** Keeps caches away from every answer of a controller, also from refusals: so it is a guard, the first one (R59). */
@Injectable()
export class NoStoreGuard implements CanActivate {
  constructor(private readonly headers: ResponseHeaders) {}

  canActivate(context: ExecutionContext): boolean {
    this.headers.set(responseOf(context), 'Cache-Control', 'no-store');
    return true;
  }
}
