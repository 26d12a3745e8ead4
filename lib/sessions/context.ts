import { freezeDeep } from './context-view.js';
import { toAsciiJson } from './entities/context.transformer.js';
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
