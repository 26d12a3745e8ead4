import type { ValueTransformer } from 'typeorm';

/**
 * Stores an instant as epoch milliseconds, so that no time zone of a process or a session can shift it (R24).
 * PostgreSQL and MySQL hand `bigint` back as a string.
 */
export const instantTransformer: ValueTransformer = {
  to: (value: Date | null | undefined) => value?.getTime() ?? value,
  from: (value: string | number | null | undefined) =>
    value === null || value === undefined ? value : new Date(Number(value)),
};
