/**
 * Thrown when the database cannot answer: lost connection, deadlock that outlasted the retries, missing table.
 *
 * An outage is never reported as a bad credential (R62). The shape is that of `http-errors`, so Nest answers
 * 503 from any handler without a filter. Neither the error nor its cause carries SQL or parameters (R63).
 */
export class AuthentifyUnavailableError extends Error {
  override readonly name = 'AuthentifyUnavailableError';
  /** Stable, for programs. */
  readonly code = 'ERR_AUTHENTIFY_UNAVAILABLE';
  readonly status = 503;
  readonly statusCode = 503;
  /** The message holds nothing private and may reach the client. */
  readonly expose = true;

  constructor(options?: ErrorOptions) {
    super('Service Unavailable', options);
  }
}
