import { unseen } from './hidden-field.js';

/** Marks entities loaded by a module with `strictContextAccess`; several modules may share a process. */
const strictOwners = unseen<true>();

/** What is read-only throughout, and its strict view once somebody asked for it. */
const strictViews = unseen<object | undefined>();

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
