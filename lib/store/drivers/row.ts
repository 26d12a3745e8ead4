/** The values of a row as the driver hands them out, in the order in which they were selected. */
export type Row = readonly unknown[];

/** A row of one's own, for the second and every further request that a look-up answers. */
export function copyOfRow(row: Row): Row {
  return row.map(copyOf);
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
