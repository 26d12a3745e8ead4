/** Keeps a property, and lets it be read and written, but not found by those who list properties. */
export function hide<T extends object>(object: T, name: keyof T): void {
  Object.defineProperty(object, name, { value: object[name], writable: true, configurable: true, enumerable: false });
}
