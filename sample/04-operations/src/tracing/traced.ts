import { type Attributes, SpanStatusCode, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('nestjs-authentify');

/** A span around a piece of work, for whatever OpenTelemetry SDK the process has; without one it costs next to nothing. */
export function traced<T>(name: string, work: () => Promise<T>, describe: (result: T) => Attributes): Promise<T> {
  return tracer.startActiveSpan(name, async (span) => {
    try {
      const result = await work();
      return (span.setAttributes(describe(result)), result);
    } catch (error) {
      // Its name only: a message may quote what a user sent.
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'Error' });
      throw error;
    } finally {
      span.end();
    }
  });
}
