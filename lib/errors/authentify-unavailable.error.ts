import { HttpException } from '@nestjs/common';

const STATUS = 503;
const MESSAGE = 'Service Unavailable';

/** `HttpException` without its private fields: one of them is `status`, which is public here, as `http-errors` has it. */
const PublicHttpException: new (
  body: object,
  status: number,
  options?: ErrorOptions,
) => Error & Pick<HttpException, 'getStatus' | 'getResponse'> = HttpException;

/**
 * Thrown when the database cannot answer: lost connection, deadlock that outlasted the retries, missing table.
 *
 * An outage is never reported as a bad credential (R62). It is an `HttpException`, in the shape of `http-errors` too: Nest
 * answers 503 from any handler without a filter, and so does an app's filter that knows `HttpException` only. Neither the
 * error nor its cause carries SQL or parameters (R63).
 * Where the database failed, `cause` has the `code`, `errno` and `sqlState` of the driver, such as `'40001'`: in a
 * transaction of your own they tell whether to run it again.
 */
export class AuthentifyUnavailableError extends PublicHttpException {
  override readonly name = 'AuthentifyUnavailableError';
  /** Stable, for programs. */
  readonly code = 'ERR_AUTHENTIFY_UNAVAILABLE';
  readonly status = STATUS;
  readonly statusCode = STATUS;
  /** The message holds nothing private and may reach the client. */
  readonly expose = true;

  constructor(options?: ErrorOptions) {
    super({ statusCode: STATUS, message: MESSAGE }, STATUS, options);
  }
}
