/** Gives back what it is given, so that a subclass can put a private field on it. */
class Given {
  constructor(object: object) {
    return object;
  }
}

/** A property of objects of any kind that nobody else can see. */
export interface Unseen<T> {
  has(object: object): boolean;
  get(object: object): T | undefined;
  set(object: object, value: T): void;
}

/**
 * Makes a property that logs, `inspect` and JSON cannot come upon, because it is private to the language. A WeakMap is as
 * discreet, but garbage collection pays for every entry: with two for each request, up to a tenth of the server's time.
 */
export function unseen<T>(): Unseen<T> {
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
