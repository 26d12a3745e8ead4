/** Keeps a property, and lets it be read and written, but not found by those who list properties. */
export function hide<T extends object>(object: T, name: keyof T): void {
  // Changing how a property is defined costs a microsecond, and most are defined so from the start.
  if (Object.hasOwn(object, name) && !Object.prototype.propertyIsEnumerable.call(object, name)) return;
  Object.defineProperty(object, name, { value: object[name], writable: true, configurable: true, enumerable: false });
}
