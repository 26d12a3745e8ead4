import { Injectable } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { TransportRequest } from './transport-request.js';

/** What the library's own guards tell the strategy they run; Passport's own guard tells something else. */
export const RUN_BY_OWN_GUARD = Object.freeze({});

/**
 * Tells this application's requests from another's in the same process. Passport keeps its strategies by name for the
 * whole process, so a plain `AuthGuard('authentify-header')` runs whichever application registered last (R67).
 */
@Injectable()
export class OwnApplication {
  // Private to the language too: `inspect` would follow Nest's container down to the app's own options (R63).
  readonly #modules: ModulesContainer;

  constructor(
    private readonly host: HttpAdapterHost,
    modules: ModulesContainer,
  ) {
    this.#modules = modules;
  }

  /** @throws Error for a request that another application serves, so that nobody sees the other's users. */
  assertServes({ app, server }: TransportRequest): void {
    const serving = app ?? server;
    const own: unknown = this.host.httpAdapter?.getInstance();
    if (serving === undefined || serving === own) return;
    // Fastify gives plugins instances of their own that inherit from the application's.
    if (typeof own === 'object' && own !== null && Object.prototype.isPrototypeOf.call(own, serving)) return;
    throw new Error(
      "nestjs-authentify: Passport ran another application's strategy; use HeaderAuthGuard, CookieAuthGuard or " +
        'AuthentifyGuard where several applications share a process',
    );
  }

  /**
   * @param options what a strategy was run with.
   * @throws Error where Passport's own guard ran the strategy of one of several registrations: it knows them only by
   * the same name, so it would take customers for staff.
   */
  assertUnambiguous(options: unknown): void {
    if (options === RUN_BY_OWN_GUARD) return;
    const registrations = [...this.#modules.values()].filter(({ providers }) => providers.has(OwnApplication));
    if (registrations.length === 1) return;
    throw new Error(
      'nestjs-authentify: AuthGuard of @nestjs/passport cannot tell the registrations of this application apart; use ' +
        'HeaderAuthGuard, CookieAuthGuard or AuthentifyGuard, or GuardFor with a name',
    );
  }
}
