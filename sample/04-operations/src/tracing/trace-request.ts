import { context, trace } from '@opentelemetry/api';
import type { NextFunction, Request, Response } from 'express';

const tracer = trace.getTracer('operations');

/** A span around each request, as OpenTelemetry's instrumentation of HTTP makes it; session routes are such requests too. */
export function traceRequest(request: Request, response: Response, next: NextFunction): void {
  const span = tracer.startSpan(`${request.method} ${request.path}`);
  response.once('close', () => {
    span.setAttribute('http.response.status_code', response.statusCode);
    span.end();
  });
  context.with(trace.setSpan(context.active(), span), next);
}
