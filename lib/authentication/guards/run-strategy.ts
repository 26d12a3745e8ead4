import { RUN_BY_OWN_GUARD } from '../own-application.js';
import type { TransportRequest } from '../transport-request.js';

/** What a strategy came to: a user with the token as info, a failure, or neither where nothing was presented. */
export interface StrategyOutcome {
  error: unknown;
  user: unknown;
  info: unknown;
}

/** A Passport strategy as this library runs it. */
export interface RunnableStrategy {
  authenticate(request: never, options: object): void;
}

/**
 * Runs a strategy by Passport's contract on an object of its own, as Passport does: a shared instance would mix up
 * concurrent requests, and a look-up by name could find another application's (R67). `pass` and `redirect`
 * authenticate nobody.
 */
export function runStrategy(strategy: RunnableStrategy, request: TransportRequest): Promise<StrategyOutcome> {
  return new Promise((resolve) => {
    const nobody = (): void => resolve({ error: null, user: null, info: undefined });
    const run = Object.assign(Object.create(strategy) as RunnableStrategy, {
      success: (user: unknown, info: unknown) => resolve({ error: null, user, info }),
      error: (error: unknown) => resolve({ error, user: null, info: undefined }),
      fail: nobody,
      pass: nobody,
      redirect: nobody,
    });
    run.authenticate(request as never, RUN_BY_OWN_GUARD);
  });
}
