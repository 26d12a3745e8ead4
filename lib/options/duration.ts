import ms from 'ms';

/** A length of time: a number of seconds (`900`), or a string with a unit that `ms` understands (`'15m'`, `'7d'`). */
export type Duration = number | string;

/** A length of time in milliseconds. */
export type Milliseconds = number;

const REMEDY = "use a number of seconds (900) or a string with a unit ('15m', '7d')";
/** Keeps all computed dates within the range of `Date`. */
const LONGEST: Milliseconds = 1_000 * 365.25 * 86_400_000;

/**
 * Reads a duration of at least one millisecond and at most 1000 years.
 *
 * @throws TypeError for anything but a number or a string.
 * @throws RangeError for zero, negative values, NaN, Infinity, and strings that have no unit or that `ms` cannot read (R27).
 */
export function parseDuration(value: unknown): Milliseconds {
  const duration = toMilliseconds(value);
  if (!(duration >= 1 && duration <= LONGEST)) {
    throw new RangeError(`must be a positive duration; ${REMEDY}`);
  }
  return Math.round(duration);
}

/** The same; the error message begins with the name. */
export function parseNamedDuration(name: string, value: unknown): Milliseconds {
  try {
    return parseDuration(value);
  } catch (error) {
    const Failure = error instanceof TypeError ? TypeError : RangeError;
    throw new Failure(`${name} ${(error as Error).message}`, { cause: error });
  }
}

function toMilliseconds(value: unknown): number {
  if (typeof value === 'number') return value * 1000;
  if (typeof value !== 'string') throw new TypeError(`must be a duration; ${REMEDY}`);
  // `ms` reads '900' as milliseconds, which is a trap for environment variables.
  if (!/[a-z]$/i.test(value) || value.length > 100) return Number.NaN;
  return ms(value as ms.StringValue) ?? Number.NaN;
}
