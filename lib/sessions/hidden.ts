/** Keeps a property, and lets it be read and written, but not found by those who list properties. */
export function hide<T extends object>(object: T, name: keyof T): void {
  // Changing how a property is defined costs a microsecond, and most are defined so from the start.
  if (Object.hasOwn(object, name) && !Object.prototype.propertyIsEnumerable.call(object, name)) return;
  Object.defineProperty(object, name, { value: object[name], writable: true, configurable: true, enumerable: false });
}

/** Gives back what it is given, so that a subclass can put a private field on it. */
class Given {
  constructor(object: object) {
    return object;
  }
}

/** A property of objects of any kind that nobody else can see. */
export interface HiddenField<T> {
  has(object: object): boolean;
  get(object: object): T | undefined;
  set(object: object, value: T): void;
}

/**
 * Makes a property that logs, `inspect` and JSON cannot come upon, because it is private to the language. A WeakMap is as
 * discreet, but garbage collection pays for every entry: with two for each request, up to a tenth of the server's time.
 */
export function hiddenField<T>(): HiddenField<T> {
  return class Holder extends Given {
    #value?: T;

    static has(object: object): object is Holder {
      return #value in object;
    }

    static get(object: object): T | undefined {
      return Holder.has(object) ? object.#value : undefined;
    }

    static set(object: object, value: T): void {
      const holder = Holder.has(object) ? object : new Holder(object);
      holder.#value = value;
    }
  };
}
