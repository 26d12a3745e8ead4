import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import { AuthentifyUserNotFoundError } from '../errors/authentify-user-not-found.error.js';

const logger = new Logger('AuthentifyModule');

const TRIES = 5;
const PATIENCE_MS = 2_000;
const FIRST_PAUSE_MS = 25;

/** Deadlock, serialization failure, lock timeout, busy: the statement did nothing and may be sent again (R36). */
const TRANSIENT = /^(40001|40P01|55P03|1213|1205|1020|SQLITE_BUSY(_\w+)?|SQLITE_LOCKED(_\w+)?)$/;
const DUPLICATE = /^(23505|1062|SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY))$/;
const MISSING_OWNER = /^(23503|1452|SQLITE_CONSTRAINT_FOREIGNKEY)$/;
/** The value does not fit the column, such as a word where the user's key is a number. */
const BAD_VALUE = /^(22\w{3}|1264|1265|1292|1366|1406)$/;

/** A unique index refused the row: two secrets had one digest. */
export class DuplicateDigestError extends Error {}

/**
 * Runs one statement: again, with jitter, after transient failures, and otherwise failing with an error that
 * carries neither SQL nor parameters (R36, R62, R63).
 */
export async function runStatement<T>(statement: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await statement();
    } catch (error) {
      const code = codeOf(error);
      if (!TRANSIENT.test(code) || attempt === TRIES || performance.now() > giveUpAt) throw translate(error, code);
      await pause(FIRST_PAUSE_MS * 2 ** attempt * Math.random());
    }
  }
}

function translate(error: unknown, code: string): Error {
  const cause = withoutDetails(error, code);
  if (DUPLICATE.test(code)) return new DuplicateDigestError('duplicate digest', { cause });
  if (MISSING_OWNER.test(code)) return new AuthentifyUserNotFoundError({ cause });
  if (BAD_VALUE.test(code))
    return new RangeError(`The database refused a value (${code}); is the user's key of the right type?`, { cause });
  // Nobody else would: to Nest a 503 is an answer like any other.
  logger.error(`The database cannot answer: ${cause.message}`);
  return new AuthentifyUnavailableError({ cause });
}

/** What may be told of a driver's error: its class and code. Its message may quote the row. */
function withoutDetails(error: unknown, code: string): Error {
  const summary = new Error(code === '' ? 'The database driver failed' : `The database driver failed with ${code}`);
  summary.name = error instanceof Error ? error.name : 'Error';
  summary.stack = `${summary.name}: ${summary.message}`;
  return summary;
}

function codeOf(error: unknown): string {
  const driverError = (error as { driverError?: unknown }).driverError ?? error;
  const { code, errno, message } = driverError as { code?: unknown; errno?: unknown; message?: unknown };
  if (typeof errno === 'number' && errno > 0) return String(errno);
  if (typeof code === 'string') return code;
  return typeof message === 'string' ? codeOfSqlJs(message) : '';
}

/** sql.js has no codes, only SQLite's own wording. */
function codeOfSqlJs(message: string): string {
  if (message.includes('UNIQUE constraint failed')) return 'SQLITE_CONSTRAINT_UNIQUE';
  if (message.includes('FOREIGN KEY constraint failed')) return 'SQLITE_CONSTRAINT_FOREIGNKEY';
  if (message.includes('database is locked')) return 'SQLITE_BUSY';
  return '';
}
