import type { AuthHook } from './auth-handler.js';
import { type Milliseconds, parseDuration } from './duration.js';

/**
 * Converts the value of an option, or `undefined` for the default, into its resolved form.
 * Its errors become an `AuthentifyConfigurationError` that begins with the name of the option.
 */
export type Check<T> = (value: unknown) => T;

/** Reads `undefined` as the default. */
export const optional =
  <T>(fallback: unknown, check: Check<T>): Check<T> =>
  (value) =>
    check(value === undefined ? fallback : value);

/** Accepts `null`, which means "none". */
export const nullable =
  <T>(check: Check<T>): Check<T | null> =>
  (value) =>
    value === null ? null : check(value);

/** An option that may be omitted, but must not be `null`. */
export const absentOr =
  <T>(check: Check<T>): Check<T | null> =>
  (value) =>
    value === undefined ? null : check(value);

export const duration: Check<Milliseconds> = parseDuration;

export const durationOrZero: Check<Milliseconds> = (value) =>
  value === 0 || (typeof value === 'string' && /^0+ ?[a-z]+$/i.test(value)) ? 0 : parseDuration(value);

export const flag: Check<boolean> = (value) => {
  if (typeof value !== 'boolean') throw new TypeError('must be true or false');
  return value;
};

export const wholeNumber =
  (min: number, max: number): Check<number> =>
  (value) => {
    if (!Number.isInteger(value) || Number(value) < min || Number(value) > max) {
      throw new RangeError(`must be a whole number from ${min} to ${max}`);
    }
    return Number(value);
  };

export const oneOf =
  <T extends string>(...allowed: readonly T[]): Check<T> =>
  (value) => {
    if (!allowed.includes(value as T)) throw new RangeError(`must be one of '${allowed.join("', '")}'`);
    return value as T;
  };

/** A string; the error message never contains its value, which may be a secret. */
export const text =
  (grammar: RegExp, remedy: string): Check<string> =>
  (value) => {
    if (typeof value !== 'string' || !grammar.test(value)) throw new RangeError(remedy);
    return value;
  };

export const listOf =
  <T extends string | null>(item: Check<T>, length: 'some' | 'any' = 'some'): Check<readonly T[]> =>
  (value) => {
    if (!Array.isArray(value)) throw new TypeError('must be an array of strings');
    if (length === 'some' && value.length === 0) throw new RangeError('must not be empty; omit it for the default');
    const items = value.map(item);
    if (new Set(items).size < items.length) throw new RangeError('must not contain the same value twice');
    return Object.freeze(items);
  };

/** A value, or several: the first is written, the others are accepted too. */
export const oneOrMore = <T extends string>(item: Check<T>): Check<readonly T[]> => {
  const list = listOf(item);
  return (value) => (Array.isArray(value) ? list(value) : Object.freeze([item(value)]));
};

/** An object of options with a fixed set of names. */
export const group =
  <T extends object>(checks: { readonly [Name in keyof T]: Check<T[Name]> }): Check<Readonly<T>> =>
  (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('must be an object');
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(checks, name))
        throw new RangeError(`has an unknown member "${name}"; known members are ${Object.keys(checks).join(', ')}`);
    }
    const given = value as Record<string, unknown>;
    const entries = Object.entries<Check<unknown>>(checks).map(([name, check]) => {
      try {
        return [name, check(given[name])];
      } catch (error) {
        throw new RangeError(`(member ${name}) ${(error as Error).message}`, { cause: error });
      }
    });
    return Object.freeze(Object.fromEntries(entries) as T);
  };

export const callable: Check<(...args: never[]) => unknown> = (value) => {
  if (typeof value !== 'function') throw new TypeError('must be a function');
  return value as (...args: never[]) => unknown;
};

/** A hook: any function, or a class that has `handle()`. */
export const hook: Check<AuthHook> = (value) => {
  const candidate = callable(value) as AuthHook;
  if (isClass(candidate) && !isHandlerClass(candidate))
    throw new TypeError('must be a function or a class with a method handle()');
  return candidate;
};

/** Tells a handler class from a handler function. */
export function isHandlerClass(candidate: AuthHook): boolean {
  return typeof (candidate.prototype as { handle?: unknown } | undefined)?.handle === 'function';
}

function isClass(candidate: AuthHook): boolean {
  return /^class\b/.test(Function.prototype.toString.call(candidate));
}
