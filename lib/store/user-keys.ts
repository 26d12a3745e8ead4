import { type DataSource, type EntityMetadata, getMetadataArgsStorage } from 'typeorm';
import type { UserId } from '../sessions/entities/abstract-auth-token.js';
import { isBigInteger, isInteger, typeOf } from './column-types.js';
import { canonicalUuid } from '../sessions/uuid.js';

type ColumnMetadata = EntityMetadata['columns'][number];

const WHOLE_NUMBER = /^-?\d{1,20}$/;
const HALF_A_PAIR = /\p{Surrogate}/u;

/** Whose sessions a token entity keeps. */
interface Owners {
  /** The primary key that sessions refer to. */
  column: ColumnMetadata;
  entity: EntityMetadata;
  dataSource: DataSource;
}

/**
 * A user's primary key in the type and the spelling of its column, from the entity or from the key itself. A key of
 * another type never reaches SQL, where MySQL would take '1abc' for 1, and a user of another entity is nobody here,
 * whatever his key (R21, R66, R73).
 *
 * @throws TypeError for anything else.
 */
export function userKeyOf(user: unknown, owners: Owners): UserId {
  const key = typeof user === 'object' && user !== null ? keyIn(user, owners) : user;
  if (typeof key === 'number' && !Number.isSafeInteger(key)) {
    throw new TypeError(`Expected a user's primary key, got ${key}, which is not a safe integer; pass it as a string`);
  }
  if ((typeof key !== 'string' || key === '') && typeof key !== 'number' && typeof key !== 'bigint') {
    throw new TypeError(`Expected a user entity or its primary key, got ${describe(user)}`);
  }
  if (typeof key === 'string' && HALF_A_PAIR.test(key)) {
    throw new TypeError("Expected a user's primary key, got a lone surrogate, which databases cannot store");
  }
  return spelled(key, owners);
}

/**
 * Whether {@link userKeyOf} gives the key of this user in the spelling of the database: by its type, or because the
 * user was read there. Of other keys only the database can tell: texts by their collation, decimals by their scale.
 */
export function isSpelledAsStored(user: unknown, { column, entity }: Owners): boolean {
  const type = typeOf(column);
  const isRead = typeof user === 'object' && user !== null && classesOf(user).some((one) => isOf(entity, one));
  return isRead || isInteger(type) || isBigInteger(type) || type === 'uuid';
}

/** The key in an entity, or in a plain object that holds it. @throws TypeError for an instance of anything else. */
function keyIn(user: object, { column, entity: own, dataSource }: Owners): unknown {
  const chain = classesOf(user);
  const entity = chain.find((type) => isEntity(type, dataSource));
  const fits = entity === undefined ? chain.length === 0 : isOf(own, entity);
  if (!fits) {
    const found = (entity ?? chain[0])?.name ?? 'class';
    const remedy = found === own.name ? 'is its file loaded twice?' : 'give the entity or its primary key';
    throw new TypeError(`Expected a ${own.name}, got an instance of another class, ${found}; ${remedy}`);
  }
  return column.getEntityValue(user);
}

/** The classes of an object, its own first; none for a plain one, of this realm or another. */
function classesOf(object: object): { name: string }[] {
  const classes: { name: string }[] = [];
  let prototype = Object.getPrototypeOf(object) as object | null;
  while (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    classes.push(prototype.constructor);
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return classes;
}

/** Of this data source, or of any other. */
function isEntity(type: unknown, dataSource: DataSource): boolean {
  const isDeclared = ({ target }: { target: unknown }): boolean => target === type;
  return dataSource.entityMetadatas.some(isDeclared) || getMetadataArgsStorage().tables.some(isDeclared);
}

/** The entity itself, or a child of it in the same table; a subclass with a table of its own has other keys. */
function isOf(own: EntityMetadata, entity: unknown): boolean {
  const children = own.childEntityMetadatas.filter((child) => child.tablePath === own.tablePath);
  return [own, ...children].some(({ target }) => target === entity);
}

function spelled(key: UserId | bigint, { column, dataSource }: Owners): UserId {
  const type = typeOf(column);
  if (isBigInteger(type)) {
    const digits = String(wholeNumber(key));
    const isNumber = Number.isSafeInteger(Number(digits)) && readsBigIntegersAsNumbers(dataSource);
    return isNumber ? Number(digits) : digits;
  }
  if (isInteger(type)) {
    const number = Number(wholeNumber(key));
    if (Number.isSafeInteger(number)) return number;
    throw new TypeError("The user's primary key is too large a number");
  }
  if (type !== 'uuid') return String(key);
  const uuid = canonicalUuid(key);
  if (uuid === null) throw new TypeError("Expected a UUID as the user's primary key");
  return uuid;
}

/** In any spelling: '007' is 7, as it is to the database. */
function wholeNumber(key: UserId | bigint): bigint {
  if (WHOLE_NUMBER.test(String(key))) return BigInt(key);
  throw new TypeError("Expected a whole number as the user's primary key");
}

/** Most drivers give strings, which lose nothing. */
function readsBigIntegersAsNumbers({ options }: DataSource): boolean {
  const { type, parseInt8, bigNumberStrings, supportBigNumbers } = options as {
    type: string;
    parseInt8?: boolean;
    bigNumberStrings?: boolean;
    supportBigNumbers?: boolean;
  };
  const isNumber = parseInt8 === true || bigNumberStrings === false || supportBigNumbers === false;
  return isNumber || /sql(?:ite|js)/.test(type);
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (value === '') return 'an empty string';
  return typeof value === 'object' ? 'an object without one' : typeof value;
}
