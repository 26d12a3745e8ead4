/** A row as the driver hands it out. */
export type Row = Record<string, unknown>;

/** A row of one's own, for the second and every further request that a look-up answers. */
export function copyOfRow(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, copyOf(value)]));
}

/** What drivers parse, such as JSON and dates, could be changed by a request; values of other classes are shared. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  return Array.isArray(value) || value instanceof Date || isPlain(value) ? structuredClone(value) : value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
