import { HttpStatus, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

const HEADERS = {
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
 * app wraps, logs or stores them: a token is shown once (R63), and none is kept by a cache (R59).
 */
@Injectable()
export class AdminAnswers {
  constructor(private readonly host: HttpAdapterHost) {}

  json(response: unknown, body: object, status: HttpStatus = HttpStatus.OK): void {
    this.send(response, { type: 'application/json; charset=utf-8', caching: 'no-store', body, status });
  }

  /** A file of the page, which holds nothing secret. */
  file(response: unknown, { type, body }: { type: string; body: string }): void {
    this.send(response, { type, caching: 'no-cache', body, status: HttpStatus.OK });
  }

  private send(response: unknown, { type, caching, body, status }: Answer): void {
    const { httpAdapter } = this.host;
    const headers = { ...HEADERS, 'Content-Type': type, 'Cache-Control': caching };
    for (const [name, value] of Object.entries(headers)) httpAdapter.setHeader(response, name, value);
    httpAdapter.reply(response, body, status);
  }
}

interface Answer {
  type: string;
  caching: string;
  body: object | string;
  status: HttpStatus;
}
