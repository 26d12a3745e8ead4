import type { EntityMetadata } from 'typeorm';
import type { UserId } from './entities/abstract-auth-token.js';

type ColumnMetadata = EntityMetadata['columns'][number];

const WHOLE_NUMBER = /^-?\d{1,20}$/;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const BIG_INTEGER_TYPES = new Set(['bigint', 'int8', 'bigserial', 'serial8', 'unsigned big int']);
const INTEGER_TYPES = /^(?:(?:tiny|small|medium)?int(?:eger)?\d?|(?:small)?serial\d?|number)$/;

/**
 * A user's primary key in the type of its column, from the entity or from the key itself. A key of another type never
 * reaches SQL, where MySQL would take '1abc' for 1 (R21, R66).
 *
 * @throws TypeError for anything else.
 */
export function ownerKeyOf(user: unknown, column: ColumnMetadata): UserId {
  const key: unknown = typeof user === 'object' && user !== null ? column.getEntityValue(user) : user;
  if (typeof key === 'bigint') return inTypeOf(column, String(key));
  if ((typeof key === 'string' && key !== '') || (typeof key === 'number' && Number.isFinite(key))) {
    return inTypeOf(column, key);
  }
  throw new TypeError(`Expected a user entity or its primary key, got ${describe(user)}`);
}

function inTypeOf(column: ColumnMetadata, key: UserId): UserId {
  const type = typeof column.type === 'function' ? column.type.name.toLowerCase() : column.type;
  const isBig = BIG_INTEGER_TYPES.has(type);
  if (isBig || INTEGER_TYPES.test(type)) {
    if (!WHOLE_NUMBER.test(String(key))) throw new TypeError("Expected a whole number as the user's primary key");
    return isBig ? key : Number(key);
  }
  if (type === 'uuid' && !UUID.test(String(key))) throw new TypeError("Expected a UUID as the user's primary key");
  return String(key);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value === '') return 'an empty string';
  return typeof value === 'object' ? 'an object without one' : typeof value;
}
