import { CommanderError } from 'commander';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import { AuthentifyUserNotFoundError } from '../errors/authentify-user-not-found.error.js';

/** The exit codes of the commands. */
export const ExitCode = {
  OK: 0,
  /** The command failed, or `doctor` found something. */
  FAILED: 1,
  /** Wrong usage, or a file with the wrong content. */
  USAGE: 2,
  /** The database does not answer. */
  UNAVAILABLE: 3,
} as const;

/** Wrong usage; the message says what to do. */
export class UsageError extends Error {}

/** No connection to the database. The driver's message is left out: it may contain the connection string (R63). */
export class ConnectionError extends Error {
  constructor(cause: unknown) {
    const { code, errno } = cause as { code?: unknown; errno?: unknown };
    const known = [code, errno].find((value) => typeof value === 'string' || typeof value === 'number');
    super(`The database does not answer${known === undefined ? '' : ` (${known})`}`);
  }
}

/** The message for an error, without secrets, and its exit code. */
export function failureOf(error: unknown): { message: string; exitCode: number } {
  // commander has printed its message already.
  if (error instanceof CommanderError)
    return { message: '', exitCode: error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE };
  if (!(error instanceof Error)) return { message: 'The command failed', exitCode: ExitCode.FAILED };
  const { message } = error;
  if (error instanceof ConnectionError) return { message, exitCode: ExitCode.UNAVAILABLE };
  if (error instanceof AuthentifyUnavailableError) {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    return { message: `The database does not answer${cause}`, exitCode: ExitCode.UNAVAILABLE };
  }
  if (error instanceof AuthentifyUserNotFoundError) return { message, exitCode: ExitCode.FAILED };
  if (isWrongUse(error)) return { message, exitCode: ExitCode.USAGE };
  // An unexpected error may contain a statement or a row.
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
