import type { ValueTransformer } from 'typeorm';
import { freezeDeep } from '../context-view.js';

/** What a row has for its context where that is no JSON object: written by somebody else, or cut off. */
export const UNREADABLE: object = freezeDeep({});

/**
 * JSON in ASCII (RFC 8259 §7): a database stores and returns it unchanged whatever its character set, be it latin1,
 * utf8mb3 or SQL_ASCII, and it takes as many bytes as it has letters.
 */
export function toAsciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Stores a context as text. TypeORM's own `simple-json` makes the same column, but writes other letters as they are, and
 * one row that it cannot parse fails the query for all the others.
 */
export const contextTransformer: ValueTransformer = {
  // TypeORM transforms a find operator's value in place, so a repeated statement brings it here a second time.
  to: (value: unknown) => (typeof value === 'string' || value === undefined ? value : toAsciiJson(value)),
  // By null TypeORM knows a row that a join did not find.
  from: (stored: unknown) => (stored === null || stored === undefined ? stored : read(stored)),
};

function read(stored: unknown): object {
  try {
    // A column of a JSON type of the database's arrives parsed.
    const value: unknown = typeof stored === 'string' ? JSON.parse(stored) : stored;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
    return isObject ? freezeDeep(value) : UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}
