import ms from 'ms';

/** A length of time: seconds as a number (`900`), or a string with a unit as `ms` reads it (`'15m'`, `'7d'`). */
export type Duration = number | string;

/** A length of time in milliseconds, as the library computes with it. */
export type Milliseconds = number;

const REMEDY = "use seconds as a number (900) or a string with a unit ('15m', '7d')";
/** Keeps every instant computed from a duration far inside the range of `Date`. */
const LONGEST: Milliseconds = 1_000 * 365.25 * 86_400_000;

/**
 * Reads a duration of at least one millisecond and at most 1000 years.
 *
 * @throws TypeError for anything but a number or a string.
 * @throws RangeError for zero, negative, NaN, Infinity, a string without a unit or one `ms` cannot read (R27).
 */
export function parseDuration(value: unknown): Milliseconds {
  const duration = toMilliseconds(value);
  if (!(duration >= 1 && duration <= LONGEST)) {
    throw new RangeError(`is no positive duration; ${REMEDY}`);
  }
  return Math.round(duration);
}

/** The same, for a duration that has a name to put before what is wrong with it. */
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
  // `ms` takes '900' for milliseconds, a trap for values read from the environment.
  if (!/[a-z]$/i.test(value) || value.length > 100) return Number.NaN;
  return ms(value as ms.StringValue) ?? Number.NaN;
}
