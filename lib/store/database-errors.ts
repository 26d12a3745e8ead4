import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import { AuthentifyUserNotFoundError } from '../errors/authentify-user-not-found.error.js';
import { DuplicateDigestError } from '../sessions/session-store.js';
import { StatementFailure } from './drivers/connections.js';
import { codeOf, driverErrorOf, type ErrorCodes, type ErrorSource, errorCodesOf, faultOf } from './error-codes.js';

const logger = new Logger('Database');

const TRIES = 5;
const PATIENCE_MS = 2_000;
const FIRST_PAUSE_MS = 25;

/** MySQL and MariaDB waited `innodb_lock_wait_timeout` for a lock, 50 s by default. */
const LOCK_WAIT_TIMEOUT = 'ER_LOCK_WAIT_TIMEOUT';
const MIGRATE =
  'Run the migration that makes it (typeorm migration:run); authentify doctor says what else does not fit.';
const DEMANDED =
  'Give the column a default, or make it nullable, or declare it in an entity of your own that extends AbstractAuthToken';
const DENIED =
  "The data source's user needs SELECT, INSERT, UPDATE and DELETE on the table of the sessions, and SELECT on that of " +
  'their users';
/** A caller that waits for a transaction of its own waits in vain. */
const LOCK_HINT = 'If the caller itself holds that lock, in a transaction of its own, pass { manager } to the call.';

/** A statement failed by its connection; on another one it may succeed. */
class ConnectionLostError extends AuthentifyUnavailableError {
  readonly #wasSent: boolean;

  constructor(cause: Error, fate: StatementFailure['fate'] | undefined) {
    super({ cause });
    this.#wasSent = fate !== 'unsent';
  }

  get wasSent(): boolean {
    return this.#wasSent;
  }
}

/** Whether a statement failed by its connection, so that it is worth asking again. */
export function isLost(error: unknown): boolean {
  return error instanceof ConnectionLostError;
}

/** Whether a statement was sent and the server said nothing of it: it may have been done, or may be done yet. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof ConnectionLostError && error.wasSent;
}

/**
 * Runs one statement: again, with jitter, after transient failures; again at once where an old connection met a server
 * that takes no writes any more (R72); and otherwise failing with an error that carries neither SQL nor parameters
 * (R36, R62, R63).
 */
export async function runStatement<T>(source: ErrorSource, statement: () => Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (let attempt = 1; ;) {
    try {
      return await statement();
    } catch (failure) {
      const { error, fate } = understood(failure);
      const isOver = performance.now() > giveUpAt;
      if (fate === 'misdirected' && !isOver) continue;
      if (!isTransient(source, error) || attempt === TRIES || isOver) throw translate(source, error, fate);
      await pause(FIRST_PAUSE_MS * 2 ** attempt * Math.random());
      attempt += 1;
    }
  }
}

/**
 * Runs one statement in an app's transaction, which a failure has ended or rolled back: only the app can begin it again.
 */
export async function runOnce<T>(source: ErrorSource, statement: () => Promise<T>): Promise<T> {
  try {
    return await statement();
  } catch (error) {
    const translated = translate(source, error);
    if (!(translated instanceof DuplicateDigestError)) throw translated;
    throw new AuthentifyUnavailableError({ cause: translated.cause });
  }
}

function understood(failure: unknown): { error: unknown; fate?: StatementFailure['fate'] } {
  return failure instanceof StatementFailure ? { error: failure.driverError, fate: failure.fate } : { error: failure };
}

function isTransient(source: ErrorSource, error: unknown): boolean {
  return errorCodesOf(source).again.test(codeOf(source, error));
}

function translate(source: ErrorSource, error: unknown, fate?: StatementFailure['fate']): Error {
  const [code, codes] = [codeOf(source, error), errorCodesOf(source)];
  const cause = withoutDetails(error, code, hintsAbout(error, code, codes));
  if (codes.duplicate.test(code)) return new DuplicateDigestError('duplicate digest', { cause });
  if (codes.missingOwner.test(code)) return new AuthentifyUserNotFoundError({ cause });
  if (codes.badValue.test(code))
    return new RangeError(
      `The database refused a value (${code}): a user's key of another type, or a column unlike that of the entity`,
      { cause },
    );
  // Nest does not log it: a 503 is an answer like any other.
  logger.error(`The database cannot answer: ${cause.message}${code === '' ? placeOf(error) : ''}`);
  return faultOf(source, error) === 'lost'
    ? new ConnectionLostError(cause, fate)
    : new AuthentifyUnavailableError({ cause });
}

/** The problem and its remedy, where repeating will not help: without them it would look like an outage. */
function hintsAbout(error: unknown, code: string, { missing, demanded, denied }: ErrorCodes): string[] {
  if (missing.test(code)) return [`${nameIn(error)} is missing in the database`, MIGRATE];
  if (demanded.test(code)) return [`${nameIn(error)} demands a value that no session has`, DEMANDED];
  return denied.test(code) ? [DENIED] : [];
}

/** The place where an error without a code was thrown, which may be a listener or a subscriber of the app. */
function placeOf(error: unknown): string {
  const thrown = driverErrorOf(error);
  const [frame] = /^ {4}at .*$/m.exec(thrown instanceof Error ? (thrown.stack ?? '') : '') ?? [];
  return frame === undefined ? '' : `, ${frame.trim()}`;
}

/** A driver's error without what must not leave: its class and codes stay; its message may quote the row (R63). */
function withoutDetails(error: unknown, code: string, hints: string[]): Error {
  const failure = code === '' ? 'The database driver failed' : `The database driver failed with ${code}`;
  const { code: own, errno, sqlState } = driverErrorOf(error);
  if (own === LOCK_WAIT_TIMEOUT) hints.push(LOCK_HINT);
  const summary = new Error([failure, ...hints].join('. '));
  summary.name = error instanceof Error ? error.name : 'Error';
  summary.stack = `${summary.name}: ${summary.message}`;
  const codes = Object.entries({ code: own ?? (code || undefined), errno, sqlState });
  return Object.assign(summary, Object.fromEntries(codes.filter(([, value]) => isCode(value))));
}

/** The table or column that an error is about, and nothing else of its message. */
function nameIn(error: unknown): string {
  const message = String(driverErrorOf(error).message);
  const [, quoted, bare] = /["'`]([\w.]+)["'`]|(?:: |column |named )([\w.]+)/.exec(message) ?? [];
  return quoted ?? bare ?? 'A table or column';
}

function isCode(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^[\w-]{1,64}$/.test(value));
}
