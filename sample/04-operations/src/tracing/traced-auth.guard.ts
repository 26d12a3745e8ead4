import { type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { type AuthenticatedRequest, AuthentifyGuard } from 'nestjs-authentify';
import { traced } from './traced.js';

/** The guard of all routes, in a span. Sessions are named by their public id; a token is in no attribute. */
@Injectable()
export class TracedAuthGuard extends AuthentifyGuard {
  override canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request & Partial<AuthenticatedRequest>>();
    return traced('authentify.verify', async (span) => {
      const isAllowed = await super.canActivate(context);
      span.setAttribute('session.id', request.auth?.id ?? 'none');
      return isAllowed;
    });
  }
}
