/**
 * Thrown while the application boots when the module is set up wrongly (R67).
 * The message names the option, what is wrong with it and the remedy, and never repeats a secret.
 */
export class AuthentifyConfigurationError extends Error {
  override readonly name = 'AuthentifyConfigurationError';
  /** Stable, for programs. */
  readonly code = 'ERR_AUTHENTIFY_CONFIGURATION';

  constructor(
    /** The option or extra at fault, for instance `refreshTokenTtl`. */
    readonly option: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`nestjs-authentify: ${option} ${problem}`, options);
  }
}
