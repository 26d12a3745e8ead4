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
 * The one way out of the admin. Answers are sent here rather than returned from handlers, so that no interceptor of the
 * app wraps, logs or stores them: a token is shown once (R63), and no cache keeps what was seen (R59).
 */
@Injectable()
export class AdminAnswers {
  constructor(private readonly host: HttpAdapterHost) {}

  json(response: unknown, body: object, status: HttpStatus = HttpStatus.OK): void {
    this.send(response, { type: 'application/json; charset=utf-8', body, status });
  }

  /** A file of the page. */
  file(response: unknown, { type, body }: { type: string; body: string }): void {
    this.send(response, { type, body, status: HttpStatus.OK });
  }

  private send(response: unknown, { type, body, status }: Answer): void {
    const { httpAdapter } = this.host;
    const headers = Object.entries({ ...HEADERS, 'Content-Type': type });
    for (const [name, value] of headers) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, body, status);
  }
}

interface Answer {
  type: string;
  body: object | string;
  status: HttpStatus;
}
