import type { ValueTransformer } from 'typeorm';
import { readContext, toAsciiJson } from '../context.js';

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
