import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

/**
 * Sets response headers through the HTTP adapter, so that Express and Fastify are one; does nothing where there is no
 * response, as for the messages of a socket.
 */
@Injectable()
export class ResponseHeaders {
  constructor(private readonly host: HttpAdapterHost) {}

  set(response: unknown, name: string, value: string): void {
    if (response !== undefined) this.host.httpAdapter.setHeader(response, name, value);
  }

  /** Adds a line and keeps those that others wrote: cookies must not overwrite each other. */
  append(response: unknown, name: string, value: string): void {
    if (response !== undefined) this.host.httpAdapter.appendHeader(response, name, value);
  }
}
