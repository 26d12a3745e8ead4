/** Entities loaded by a module with `strictContextAccess`; kept aside so that several modules may share a process. */
const strictOwners = new WeakSet<object>();
const views = new WeakMap<object, object>();

/** Keys that the language and Node ask of any object: `await`, `JSON.stringify`, comparison. */
const ALWAYS_READABLE = new Set<PropertyKey>(['then', 'toJSON', 'constructor']);

/** From now on an unknown key of this token's `contextObj` throws. */
export function markStrict(owner: object): void {
  strictOwners.add(owner);
}

/** The deeply read-only view of a token's context. */
export function contextViewOf(owner: object, context: object): object {
  return strictOwners.has(owner) ? strictView(context) : frozenView(context);
}

/** A column value turned read-only; `null` members and primitives pass. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(freezeDeep)) as T;
  const result = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of Object.entries(value)) result[key] = freezeDeep(member);
  return Object.freeze(result) as T;
}

function frozenView(context: object): object {
  // What comes from the database or from `toContext` is frozen already; what an app assigned is not.
  return Object.isFrozen(context) ? context : freezeDeep(context);
}

function strictView(context: object): object {
  const known = views.get(context);
  if (known) return known;
  const view = throwOnUnknown(context) as object;
  views.set(context, view);
  return view;
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
