import type { EntityMetadata } from 'typeorm';

const BIG_INTEGERS = new Set(['bigint', 'int8', 'bigserial', 'serial8', 'unsigned big int']);
const INTEGERS = /^(?:(?:tiny|small|medium)?int(?:eger)?\d?|(?:small)?serial\d?|number)$/;
const OTHER_NUMBERS = /^(?:dec|decimal|numeric|fixed|real|float[48]?|double|double precision)$/;
const TRUTH_VALUES = /^(?:bool|boolean|bit)$/;

/** A column's type as TypeORM or the database calls it; `Number` is 'number'. */
export function typeOf({ type }: EntityMetadata['columns'][number]): string {
  return typeof type === 'function' ? type.name.toLowerCase() : type;
}

/** Integers that may be larger than a number can hold. */
export function isBigInteger(type: string): boolean {
  return BIG_INTEGERS.has(type);
}

/** Integers that fit a number. */
export function isInteger(type: string): boolean {
  return INTEGERS.test(type);
}

/** Types whose values are true or false, or numbers. */
export function isTruthOrNumber(type: string): boolean {
  return TRUTH_VALUES.test(type) || isInteger(type) || isBigInteger(type) || OTHER_NUMBERS.test(type);
}
