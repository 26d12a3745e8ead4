import { HttpException } from '@nestjs/common';

const STATUS = 503;
const MESSAGE = 'Service Unavailable';

/** `HttpException` without its private fields: `status` is public here, as in `http-errors`. */
const PublicHttpException: new (
  body: object,
  status: number,
  options?: ErrorOptions,
) => Error & Pick<HttpException, 'getStatus' | 'getResponse'> = HttpException;

/**
 * Thrown if the database does not answer: a lost connection, a deadlock that outlasted the retries, a missing table.
 *
 * An outage is never reported as an invalid credential (R62). The error is an `HttpException` and has the shape of
 * `http-errors`: Nest answers 503 from any handler, and so does a filter that handles only `HttpException`. Neither the error
 * nor its cause contains SQL or parameters (R63).
 * `cause` has the `code`, `errno` and `sqlState` of the driver, such as `'40001'`. In your own transaction, they tell you
 * whether to run it again.
 */
export class AuthentifyUnavailableError extends PublicHttpException {
  override readonly name = 'AuthentifyUnavailableError';
  /** A stable code for programs. */
  readonly code = 'ERR_AUTHENTIFY_UNAVAILABLE';
  readonly status = STATUS;
  readonly statusCode = STATUS;
  /** The message contains nothing confidential, so it may be sent to the client. */
  readonly expose = true;

  constructor(options?: ErrorOptions) {
    super({ statusCode: STATUS, message: MESSAGE }, STATUS, options);
  }
}
