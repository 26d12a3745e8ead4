import { hiddenField } from './hidden.js';
import type { JsonObject, JsonValue } from './json.js';

/** Depth of a context counted with the object itself, and its members per level (R65). */
const MAX_DEPTH = 5;
const MAX_MEMBERS = 64;
const FORBIDDEN_KEYS = new Set(['__proto__', 'prototype', 'constructor']);
const LONE_SURROGATE_OR_NUL = /[\p{Surrogate}\0]/u;

/**
 * Copies what a caller wants to remember about a session into a frozen, prototype-free JSON object.
 *
 * @param maxBytes of it as it is stored.
 * @throws TypeError for anything JSON cannot carry faithfully, for forbidden keys and for too much of it (R65).
 */
export function toContext(value: unknown, maxBytes: number): JsonObject {
  const given = value ?? {};
  if (!isPlainObject(given)) throw new TypeError('context must be a plain object');
  const context = freezeDeep(copyObject(given, 'context', 1));
  const bytes = toAsciiJson(context).length;
  if (bytes > maxBytes) {
    throw new TypeError(`context takes ${bytes} bytes as JSON in ASCII; contextMaxBytes allows ${maxBytes}`);
  }
  return context;
}

function copy(value: unknown, path: string, depth: number): JsonValue {
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'string') return checkText(value, path);
  // JSON has no negative zero.
  if (typeof value === 'number' && Number.isFinite(value)) return value + 0;
  if (Array.isArray(value)) return copyArray(value, path, depth);
  if (isPlainObject(value)) return copyObject(value, path, depth);
  throw new TypeError(`${path} is not JSON: ${describe(value)}`);
}

function copyObject(value: object, path: string, depth: number): JsonObject {
  const result = Object.create(null) as JsonObject;
  const members = Object.entries(value);
  checkSize(members.filter(([, member]) => member !== undefined).length, path, depth);
  for (const [key, member] of members) {
    if (FORBIDDEN_KEYS.has(key)) throw new TypeError(`${path} must not have a key "${key}"`);
    checkText(key, `a key of ${path}`);
    if (member !== undefined) result[key] = copy(member, `${path}.${key}`, depth + 1);
  }
  return result;
}

function copyArray(value: unknown[], path: string, depth: number): JsonValue {
  checkSize(value.length, path, depth);
  // Array.from visits holes, which JSON would turn into null.
  return Array.from(value, (member, index) => copy(member, `${path}[${index}]`, depth + 1));
}

function checkSize(members: number, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw new TypeError(`${path} is nested deeper than ${MAX_DEPTH} levels, or refers to itself`);
  if (members > MAX_MEMBERS) throw new TypeError(`${path} has more than ${MAX_MEMBERS} members`);
}

function checkText(text: string, path: string): string {
  if (LONE_SURROGATE_OR_NUL.test(text)) throw new TypeError(`${path} holds a NUL or half a surrogate pair`);
  return text;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function describe(value: unknown): string {
  return typeof value === 'object' ? 'an instance of a class' : typeof value;
}

/** Marks entities loaded by a module with `strictContextAccess`; several modules may share a process. */
const strictOwners = hiddenField<true>();

/** What is read-only throughout, and its strict view once somebody asked for it. */
const strictViews = hiddenField<object | undefined>();

/** Keys that `await`, `JSON.stringify`, rxjs and Nest's adapters ask of any object. */
const ALWAYS_READABLE = new Set<PropertyKey>([
  'then',
  'toJSON',
  'constructor',
  'lift',
  'subscribe',
  'pipe',
  'getReader',
]);

/** From now on an unknown key of this token's `contextObj` throws. */
export function markStrict(owner: object): void {
  strictOwners.set(owner, true);
}

/** The deeply read-only view of a token's context. */
export function contextViewOf(owner: object, context: object): object {
  // What comes from the database or from a login is frozen already; what an app assigned itself is not.
  const frozen = strictViews.has(context) ? context : freezeDeep(context);
  return strictOwners.has(owner) ? strictViewOf(frozen) : frozen;
}

function strictViewOf(frozen: object): object {
  const view = strictViews.get(frozen) ?? (throwOnUnknown(frozen) as object);
  strictViews.set(frozen, view);
  return view;
}

/** A read-only copy of JSON, at every depth and without prototypes. */
export function freezeDeep<T>(value: T): T {
  return copyFrozen(value) as T;
}

function copyFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return frozen(value.map(copyFrozen));
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of Object.entries(value)) result[key] = copyFrozen(member);
  return frozen(result);
}

function frozen(object: object): object {
  strictViews.set(object, undefined);
  return Object.freeze(object);
}

function throwOnUnknown(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(throwOnUnknown));
  const target = Object.create(null) as Record<PropertyKey, unknown>;
  for (const [key, member] of Object.entries(value)) target[key] = throwOnUnknown(member);
  return new Proxy(Object.freeze(target), {
    get(object, key) {
      if (typeof key === 'string' && !(key in object) && !ALWAYS_READABLE.has(key)) {
        throw new TypeError(`The session's context has no key "${key}" (strictContextAccess is on)`);
      }
      return object[key];
    },
  });
}

/** Stands for the context of a row that holds no JSON object: written by somebody else, or cut off. */
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

/** The context in a column: its JSON, or {@link UNREADABLE}. */
export function readContext(stored: unknown): object {
  try {
    // A column of a JSON type of the database's arrives parsed.
    const value: unknown = typeof stored === 'string' ? JSON.parse(stored) : stored;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
    return isObject ? freezeDeep(value) : UNREADABLE;
  } catch {
    return UNREADABLE;
  }
}
