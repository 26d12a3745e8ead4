import { HttpStatus, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; " +
    "frame-ancestors 'none'; base-uri 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/**
 * The headers of all the admin answers with. `AnswerGuard` sends it, so that no interceptor of the app wraps, logs or
 * stores it: a token is shown once (R63), and no cache keeps what was seen (R59).
 */
@Injectable()
export class AdminAnswers {
  constructor(private readonly host: HttpAdapterHost) {}

  json(response: unknown, body: object, status: HttpStatus = HttpStatus.OK): object {
    this.prepare(response, {}, status);
    return body;
  }

  /** A file of the page. */
  file(response: unknown, { type, body }: { type: string; body: string }): string {
    this.prepare(response, { 'Content-Type': type }, HttpStatus.OK);
    return body;
  }

  private prepare(response: unknown, own: Record<string, string>, status: HttpStatus): void {
    const { httpAdapter } = this.host;
    for (const [name, value] of Object.entries({ ...HEADERS, ...own })) httpAdapter.setHeader(response, name, value);
    httpAdapter.status(response, status);
  }
}
