/** Entities loaded by a module with `strictContextAccess`; kept aside so that several modules may share a process. */
const strictOwners = new WeakSet<object>();

/** Gives back what it is given, so that a subclass can put a private field on it. */
class Given {
  constructor(object: object) {
    return object;
  }
}

/** What is read-only throughout, and its strict view: on the object itself and unseen, where a WeakMap costs more. */
class Frozen extends Given {
  #strictView?: object = undefined;

  static has(object: object): object is Frozen {
    return #strictView in object;
  }

  static strictViewOf(object: Frozen): object {
    object.#strictView ??= throwOnUnknown(object) as object;
    return object.#strictView;
  }
}

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
  strictOwners.add(owner);
}

/** The deeply read-only view of a token's context. */
export function contextViewOf(owner: object, context: object): object {
  // What comes from the database or from a login is frozen already; what an app assigned itself is not.
  const frozen = Frozen.has(context) ? context : freezeDeep(context);
  return strictOwners.has(owner) && Frozen.has(frozen) ? Frozen.strictViewOf(frozen) : frozen;
}

/** A read-only copy of JSON, at every depth and without prototypes. */
export function freezeDeep<T>(value: T): T {
  return copyFrozen(value) as T;
}

function copyFrozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(new Frozen(value.map(copyFrozen)));
  const result = new Frozen(Object.create(null) as object) as Record<string, unknown>;
  for (const [key, member] of Object.entries(value)) result[key] = copyFrozen(member);
  return Object.freeze(result);
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
