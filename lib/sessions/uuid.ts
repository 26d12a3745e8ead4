import { randomInt } from 'node:crypto';
import { v7 } from 'uuid';

const SPELLING = /^([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})$/;

/**
 * A UUID as databases write it, in small letters with hyphens (RFC 9562 §4), from any spelling that they read: in
 * capitals as iOS and .NET write it, in braces, without hyphens. `null` for anything else.
 */
export function canonicalUuid(text: unknown): string | null {
  if (typeof text !== 'string' || text.length > 38) return null;
  const bare = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  const parts = SPELLING.exec(bare.toLowerCase());
  return parts && parts.slice(1).join('-');
}

/** Milliseconds in the first 48 bits of a UUID v7 (RFC 9562 §5.7). */
export function timeOf(id: string): number {
  const time = Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
  return Number.isNaN(time) ? 0 : time;
}

const HALF_OF_SEQUENCE = 2 ** 31;
let latest = { msecs: Number.NaN, seq: 0 };

/** A new UUID v7; among those of one process and millisecond the later one sorts higher (RFC 9562 §6.2, method 1). */
export function uuidAt(msecs: number): string {
  const seq = msecs === latest.msecs ? latest.seq + 1 : randomInt(HALF_OF_SEQUENCE);
  latest = { msecs, seq };
  return v7({ msecs, seq });
}
