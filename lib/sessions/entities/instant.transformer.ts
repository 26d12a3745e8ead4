import { FindOperator, type ValueTransformer } from 'typeorm';

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
