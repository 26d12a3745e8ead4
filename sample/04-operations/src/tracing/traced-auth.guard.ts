import { type ExecutionContext, Injectable } from '@nestjs/common';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import type { Request } from 'express';
import { type AuthenticatedRequest, AuthentifyGuard } from 'nestjs-authentify';

const tracer = trace.getTracer('nestjs-authentify');

/** The guard of all routes, in a span. Sessions are named by their public id; a token is in no attribute. */
@Injectable()
export class TracedAuthGuard extends AuthentifyGuard {
  override canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request & Partial<AuthenticatedRequest>>();
    return tracer.startActiveSpan('authentify.verify', async (span) => {
      try {
        const isAllowed = await super.canActivate(context);
        span.setAttribute('session.id', request.auth?.id ?? 'none');
        return isAllowed;
      } catch (error) {
        // Its name only: a message may quote what a user sent.
        span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'Error' });
        throw error;
      } finally {
        span.end();
      }
    });
  }
}
