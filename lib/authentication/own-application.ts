import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { TransportRequest } from './request-context.js';

/**
 * Tells this application's requests from another's in the same process. Passport keeps its strategies by name for the
 * whole process, so a plain `AuthGuard('authentify-header')` runs whichever application registered last (R67).
 */
@Injectable()
export class OwnApplication {
  constructor(private readonly host: HttpAdapterHost) {}

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
}
