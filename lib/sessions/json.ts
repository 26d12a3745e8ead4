/** A JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

/** A JSON object; the default type of a context. */
export type JsonObject = { [key: string]: JsonValue };

/** The same value, read-only at every depth. */
export type DeepReadonly<T> = T extends (infer Member)[]
  ? readonly DeepReadonly<Member>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** A primary key as JSON can carry it: a `BigInt`, which an app's transformer may make of it, as text. */
export function keyInJson<TKey>(key: TKey): TKey | string {
  return typeof key === 'bigint' ? String(key) : key;
}
