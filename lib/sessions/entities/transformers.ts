import { FindOperator, type ValueTransformer } from 'typeorm';
import { readContext, toAsciiJson } from '../context.js';

/**
 * Stores an instant as epoch milliseconds, so that no time zone of a process or a session can shift it (R24).
 * PostgreSQL and MySQL hand `bigint` back as a string.
 */
export const instantTransformer: ValueTransformer = {
  to: (value: unknown) => {
    // TypeORM 0.3 hands over the operators of an UPDATE and a DELETE as they are, TypeORM 1 their values.
    if (value instanceof FindOperator) value.transformValue(instantTransformer);
    // A find operator's value is transformed in place, so a repeated statement brings it here a second time.
    return value instanceof Date ? value.getTime() : value;
  },
  from: (value: string | number | null | undefined) =>
    value === null || value === undefined ? value : new Date(Number(value)),
};

/** An instant for an operator such as `LessThan`, as it is stored: TypeORM 0.3 does not transform it in every criteria. */
export function stored(instant: number): Date {
  return instant as unknown as Date;
}

/**
 * Stores a context as text. TypeORM's own `simple-json` makes the same column, but writes other letters as they are, and
 * one row that it cannot parse fails the query for all the others.
 */
export const contextTransformer: ValueTransformer = {
  // TypeORM transforms a find operator's value in place, so a repeated statement brings it here a second time.
  to: (value: unknown) => (typeof value === 'string' || value === undefined ? value : toAsciiJson(value)),
  // By null TypeORM knows a row that a join did not find.
  from: (stored: unknown) => (stored === null || stored === undefined ? stored : readContext(stored)),
};
