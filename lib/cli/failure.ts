import { CommanderError } from 'commander';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import { AuthentifyUserNotFoundError } from '../errors/authentify-user-not-found.error.js';

/** What a command's end means to a script. */
export const ExitCode = {
  OK: 0,
  /** The command failed, or `doctor` found something. */
  FAILED: 1,
  /** It was called wrongly, or with files that do not fit. */
  USAGE: 2,
  /** The database does not answer. */
  UNAVAILABLE: 3,
} as const;

/** Called wrongly; the message says what to do. */
export class UsageError extends Error {}

/** The database did not let us in; nothing of the driver's message, which may quote the connection string (R63). */
export class ConnectionError extends Error {
  constructor(cause: unknown) {
    const { code, errno } = cause as { code?: unknown; errno?: unknown };
    const known = [code, errno].find((value) => typeof value === 'string' || typeof value === 'number');
    super(`The database does not answer${known === undefined ? '' : ` (${known})`}`);
  }
}

/** What to say of an error, without secrets, and the exit code for it. */
export function failureOf(error: unknown): { message: string; exitCode: number } {
  // commander has said it already.
  if (error instanceof CommanderError)
    return { message: '', exitCode: error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE };
  if (!(error instanceof Error)) return { message: 'The command failed', exitCode: ExitCode.FAILED };
  const { message } = error;
  if (error instanceof ConnectionError) return { message, exitCode: ExitCode.UNAVAILABLE };
  if (error instanceof AuthentifyUnavailableError) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    return { message: `The database cannot answer${cause}`, exitCode: ExitCode.UNAVAILABLE };
  }
  if (error instanceof AuthentifyUserNotFoundError) return { message, exitCode: ExitCode.FAILED };
  if (isWrongUse(error)) return { message, exitCode: ExitCode.USAGE };
  // An error nobody foresaw may quote a statement or a row.
  return { message: `The command failed: ${error.name}`, exitCode: ExitCode.FAILED };
}

function isWrongUse(error: Error): boolean {
  return (
    error instanceof UsageError ||
    error instanceof AuthentifyConfigurationError ||
    error instanceof TypeError ||
    error instanceof RangeError
  );
}
