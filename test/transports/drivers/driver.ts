import type { Setup, TestApp } from '../../support/app.js';
import type { Whoami } from '../../requests/controllers.js';

/** A handler for every way to ask for authentication, the same on every transport. */
export const PLACES = ['header', 'cookie', 'either', 'optional', 'public'] as const;
export type Place = (typeof PLACES)[number];

/** What a client that was turned away is told. */
export interface Denial {
  statusCode: number;
  message: string;
  errorCode?: string;
}

/** One way to reach an app's handlers. */
export interface Driver {
  name: string;
  /** What an app needs to have the handlers of {@link PLACES} there; each answers `whoami`. */
  setup: () => Setup;
  /** Asks one of them, on a connection of its own, with these headers. */
  ask: (t: TestApp, place: Place, headers: Record<string, string>) => Promise<Whoami | Denial>;
}
