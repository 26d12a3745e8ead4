import { type RefreshAnswer, SessionRoutes, type TransportRequest } from 'nestjs-authentify';
import { traced } from './traced.js';

/** The library's routes, with each refresh in a span. */
export class TracedSessionRoutes extends SessionRoutes {
  override refresh(request: TransportRequest, response: unknown): Promise<RefreshAnswer> {
    return traced('authentify.refresh', () => super.refresh(request, response));
  }
}
