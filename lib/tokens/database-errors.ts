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
/** MySQL and MariaDB waited `innodb_lock_wait_timeout` for a lock, 50 s by default. */
const LOCK_WAIT_TIMEOUT = '1205';
/** The value does not fit the column, such as a word where the user's key is a number; which column, few databases tell. */
const BAD_VALUE = /^(22\w{3}|1264|1265|1292|1366|1406)$/;

/** Whoever waits for a transaction of his own waits in vain. */
const HINT = 'If the caller itself holds that lock, in a transaction of its own, pass { manager } to the call.';

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

/**
 * Runs one statement in an app's transaction, which a failure has ended or rolled back: only the app can begin it again.
 */
export async function runOnce<T>(statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    const translated = translate(error, codeOf(error));
    if (!(translated instanceof DuplicateDigestError)) throw translated;
    throw new AuthentifyUnavailableError({ cause: translated.cause });
  }
}

function translate(error: unknown, code: string): Error {
  const cause = withoutDetails(error, code);
  if (DUPLICATE.test(code)) return new DuplicateDigestError('duplicate digest', { cause });
  if (MISSING_OWNER.test(code)) return new AuthentifyUserNotFoundError({ cause });
  if (BAD_VALUE.test(code))
    return new RangeError(
      `The database refused a value (${code}): a user's key of another type, or a column unlike that of the entity`,
      { cause },
    );
  // Nobody else would: to Nest a 503 is an answer like any other.
  logger.error(`The database cannot answer: ${cause.message}`);
  return new AuthentifyUnavailableError({ cause });
}

/** What may be told of a driver's error: its class and its codes. Its message may quote the row. */
function withoutDetails(error: unknown, code: string): Error {
  const failure = code === '' ? 'The database driver failed' : `The database driver failed with ${code}`;
  const summary = new Error(code === LOCK_WAIT_TIMEOUT ? `${failure}. ${HINT}` : failure);
  summary.name = error instanceof Error ? error.name : 'Error';
  summary.stack = `${summary.name}: ${summary.message}`;
  const { code: own, errno, sqlState } = driverErrorOf(error);
  const codes = Object.entries({ code: own ?? (code || undefined), errno, sqlState });
  return Object.assign(summary, Object.fromEntries(codes.filter(([, value]) => isCode(value))));
}

function isCode(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\w{1,64}$/.test(value));
}

function driverErrorOf(error: unknown): { code?: unknown; errno?: unknown; sqlState?: unknown; message?: unknown } {
  return Object((error as { driverError?: unknown } | null)?.driverError ?? error) as object;
}

function codeOf(error: unknown): string {
  const { code, errno, message } = driverErrorOf(error);
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
