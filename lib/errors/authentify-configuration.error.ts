/**
 * Thrown at boot if the module is configured incorrectly (R67).
 * The message names the option, the problem and the remedy, and never contains a secret.
 */
export class AuthentifyConfigurationError extends Error {
  override readonly name = 'AuthentifyConfigurationError';
  /** A stable code for programs. */
  readonly code = 'ERR_AUTHENTIFY_CONFIGURATION';

  constructor(
    /** The name of the option or extra, for example `refreshTokenTtl`. */
    readonly option: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`nestjs-authentify: ${option} ${problem}`, options);
  }
}
