import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { contextViewOf, freezeDeep, markStrict } from '../../lib/sessions/context.js';

interface Context {
  device: string;
  nothing: null;
  nested: { list: { id: number }[]; deep: { flag: boolean } };
  missing?: string;
}

const CONTEXT: Context = { device: 'phone', nothing: null, nested: { list: [{ id: 1 }], deep: { flag: false } } };

describe.each([
  ['as it is by default', false],
  ['with strictContextAccess', true],
])('a context view %s', (_, strict) => {
  let view: Context;

  beforeEach(() => {
    const owner = {};
    if (strict) markStrict(owner);
    view = contextViewOf(owner, freezeDeep(CONTEXT)) as Context;
  });

  it('reads every known key at every depth', () => {
    expect(view.device).toBe('phone');
    expect(view.nothing).toBeNull();
    expect(view.nested.list[0]?.id).toBe(1);
    expect(view.nested.deep.flag).toBe(false);
    expect(view.nested.list.map(({ id }) => id)).toEqual([1]);
    expect(view.nested.list[7]).toBeUndefined();
  });

  it('throws on assignment, deletion and definition, at every depth', () => {
    const attempts: [string, () => unknown][] = [
      ['known key', () => (view.device = 'other')],
      ['new key', () => ((view as unknown as Record<string, unknown>).late = 1)],
      ['nested key', () => (view.nested.deep.flag = true)],
      ['object in a list', () => (view.nested.list[0]!.id = 2)],
      ['list', () => view.nested.list.push({ id: 2 })],
      ['list index', () => (view.nested.list[0] = { id: 2 })],
      ['delete', () => delete (view as Partial<Context>).device],
      ['define', () => Object.defineProperty(view, 'late', { value: 1 })],
      ['prototype', () => Object.setPrototypeOf(view, Array.prototype) as unknown],
    ];
    for (const [name, attempt] of attempts) expect(attempt, name).toThrow(TypeError);
    expect(JSON.stringify(view)).toBe(JSON.stringify(CONTEXT));
  });

  it('turns into JSON like the context itself', () => {
    expect(JSON.stringify(view)).toBe(JSON.stringify(CONTEXT));
    expect(JSON.stringify({ session: [view.nested] })).toBe(JSON.stringify({ session: [CONTEXT.nested] }));
    expect(JSON.stringify(view, null, 2)).toBe(JSON.stringify(CONTEXT, null, 2));
  });

  it('can be awaited and returned from async functions', async () => {
    expect(await (view as unknown)).toBe(view);
    expect(await Promise.resolve(view.nested)).toBe(view.nested);
    expect(await (async () => view)()).toBe(view);
  });

  it('can be inspected', () => {
    expect(inspect(view, { depth: 9 })).toContain("device: 'phone'");
    expect(inspect(view, { depth: 9 })).toContain('id: 1');
    expect(inspect(view, { depth: 9, showProxy: true })).toContain("device: 'phone'");
  });

  it('can be listed, spread, destructured and asked with in', () => {
    expect(Object.keys(view)).toEqual(['device', 'nothing', 'nested']);
    expect(Object.entries(view.nested.deep)).toEqual([['flag', false]]);
    expect({ ...view }.device).toBe('phone');
    const { device } = view;
    expect(device).toBe('phone');
    const keys: string[] = [];
    for (const key in view) keys.push(key);
    expect(keys).toEqual(['device', 'nothing', 'nested']);
    expect('device' in view).toBe(true);
    expect('missing' in view).toBe(false);
    expect(Object.hasOwn(view, 'missing')).toBe(false);
  });

  it('is the same object each time where the context is', () => {
    const owner = {};
    if (strict) markStrict(owner);
    const context = freezeDeep(CONTEXT);
    expect(contextViewOf(owner, context)).toBe(contextViewOf(owner, context));
  });
});

describe('an unknown key', () => {
  it('gives undefined by default, at every depth', () => {
    const view = contextViewOf({}, freezeDeep(CONTEXT)) as Context;
    expect(view.missing).toBeUndefined();
    expect((view.nested.deep as Record<string, unknown>).missing).toBeUndefined();
  });

  it('throws with strictContextAccess, named, at every depth', () => {
    const owner = {};
    markStrict(owner);
    const view = contextViewOf(owner, freezeDeep(CONTEXT)) as Context;
    expect(() => view.missing).toThrow(/"missing".*strictContextAccess/);
    expect(() => (view.nested.deep as Record<string, unknown>).absent).toThrow(/"absent"/);
    expect(() => (view.nested.list[0] as unknown as Record<string, unknown>).absent).toThrow(/"absent"/);
    expect(() => Reflect.get(view, 'toString') as unknown).toThrow(TypeError);
    expect(() => Reflect.get(view, 'hasOwnProperty') as unknown).toThrow(TypeError);
  });

  it('gives undefined for symbols, which libraries ask of any object, with strictContextAccess too', () => {
    const owner = {};
    markStrict(owner);
    const view = contextViewOf(owner, freezeDeep(CONTEXT)) as Partial<Record<symbol, unknown>>;
    expect(view[Symbol.iterator]).toBeUndefined();
    expect(view[Symbol.toStringTag]).toBeUndefined();
  });

  it('throws only for tokens of the module that asked for it', () => {
    const strictOwner = {};
    markStrict(strictOwner);
    const context = freezeDeep(CONTEXT);
    expect(() => (contextViewOf(strictOwner, context) as Context).missing).toThrow(TypeError);
    expect((contextViewOf({}, context) as Context).missing).toBeUndefined();
  });

  it('throws for keys of Object.prototype by name, which a context does not have', () => {
    const owner = {};
    markStrict(owner);
    const view = contextViewOf(owner, freezeDeep({})) as Record<string, unknown>;
    expect(() => view.__proto__).toThrow(TypeError);
    expect(view.constructor).toBeUndefined();
    expect(view.then).toBeUndefined();
    expect(view.toJSON).toBeUndefined();
  });
});

describe('a column that holds no object', () => {
  it.each([null, undefined, 'text', 7, true])('is read as it is: %j', (value) => {
    expect(freezeDeep(value)).toBe(value);
  });
});

describe('a context that an app assigned itself', () => {
  it.each([false, true])('is read-only through the view and stays writable for the app (strict: %s)', (strict) => {
    const owner = {};
    if (strict) markStrict(owner);
    const own = { nested: { n: 1 } };
    const view = contextViewOf(owner, own) as typeof own;
    expect(() => (view.nested.n = 2)).toThrow(TypeError);
    own.nested.n = 3;
    expect(own.nested.n).toBe(3);
  });

  it.each([false, true])('is read-only at every depth even where only its surface is frozen (strict: %s)', (strict) => {
    const owner = {};
    if (strict) markStrict(owner);
    const view = contextViewOf(owner, Object.freeze({ nested: { n: 1 } })) as { nested: { n: number } };
    expect(() => (view.nested.n = 2)).toThrow(TypeError);
    expect(view.nested.n).toBe(1);
  });
});

describe('freezing a column value', () => {
  it('passes primitives, freezes lists, and takes every prototype from objects', () => {
    expect([null, 1, 'x', true, undefined].map(freezeDeep)).toEqual([null, 1, 'x', true, undefined]);
    const frozen = freezeDeep([{ a: [1] }]);
    expect(Object.isFrozen(frozen) && Object.isFrozen(frozen[0]) && Object.isFrozen(frozen[0]?.a)).toBe(true);
    expect(Object.getPrototypeOf(frozen[0])).toBeNull();
  });

  it('turns a __proto__ key from a hand-edited row into a plain member', () => {
    const frozen = freezeDeep(JSON.parse('{"__proto__":{"polluted":true}}') as object);
    expect((frozen as { polluted?: boolean }).polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.keys(frozen)).toEqual(['__proto__']);
  });
});
