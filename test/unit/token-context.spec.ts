import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toContext } from '../../lib/sessions/context.js';
import { cpuTimeOf } from '../support/cpu-time.js';

const LIMIT = 4_096;
const read = (value: unknown, maxBytes = LIMIT) => toContext(value, maxBytes);
/** An object nested so deep, the outermost counted. */
const nested = (depth: number): object => (depth === 1 ? {} : { in: nested(depth - 1) });
const members = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));

/** Everything frozen, and objects without a prototype, at every depth. */
function isDeeplyReadOnly(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  const bare = Array.isArray(value) || Object.getPrototypeOf(value) === null;
  return bare && Object.isFrozen(value) && Object.values(value).every(isDeeplyReadOnly);
}

describe('R65: a context that JSON can carry', () => {
  it.each([
    ['nothing', undefined, {}],
    ['null', null, {}],
    ['an empty object', {}, {}],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['all kinds of values', { s: 'x', n: -1.5, t: true, f: false, z: null, a: [1, 'x', null, [], {}], o: { p: {} } }],
    ['an empty key and empty strings', { '': '' }],
    [
      'keys that only look special',
      JSON.parse('{"toJSON":1,"hasOwnProperty":2,"then":3,"length":4,"0":5,"Prototype":6}') as object,
    ],
    ['forbidden words as values', { key: '__proto__', list: ['constructor', 'prototype'] }],
    ['whole surrogate pairs and controls other than NUL', { 'k🙂': '🙂 \u0001 \u2028 é 日本' }],
    ['the largest and smallest numbers', { a: Number.MAX_VALUE, b: Number.MIN_VALUE, c: Number.MAX_SAFE_INTEGER }],
  ])('takes %s', (_, value, expected = value as object) => {
    const context = read(value);
    expect({ ...context }).toEqual(expected);
    expect(JSON.parse(JSON.stringify(context))).toEqual(expected);
  });

  it('lets undefined members vanish, as JSON does', () => {
    const context = read({ a: undefined, b: { c: undefined, d: 1 } });
    expect(Object.keys(context)).toEqual(['b']);
    expect(Object.keys(context.b as object)).toEqual(['d']);
  });

  it('carries negative zero as the zero it is in JSON, so that it reads the same before and after the database', () => {
    expect(Object.is(read({ n: -0 }).n, 0)).toBe(true);
  });

  it('gives a copy that is frozen and has no prototype, at every depth', () => {
    const context = read({ a: { b: [{ c: [1] }] } });
    expect(isDeeplyReadOnly(context)).toBe(true);
    expect(isDeeplyReadOnly(read(null))).toBe(true);
    expect((context as { toString?: unknown }).toString).toBeUndefined();
  });

  it('leaves what it was given as it was, and apart from the copy', () => {
    const given = { a: { b: [1, { c: 2 }] }, gone: undefined };
    const before = structuredClone(given);
    const context = read(given);

    expect(given).toStrictEqual(before);
    expect(Object.isFrozen(given) || Object.isFrozen(given.a) || Object.isFrozen(given.a.b)).toBe(false);
    given.a.b.push(3);
    (given as Record<string, unknown>).late = true;
    expect(JSON.stringify(context)).toBe('{"a":{"b":[1,{"c":2}]}}');
  });

  it('takes a frozen object too', () => {
    expect({ ...read(Object.freeze({ a: Object.freeze([1]) })) }).toEqual({ a: [1] });
  });
});

describe('R65: how much a context may hold', () => {
  it('is five levels, the object itself counted', () => {
    expect(() => read(nested(5))).not.toThrow();
    expect(() => read(nested(6))).toThrow(TypeError);
  });

  it('counts arrays as levels', () => {
    expect(() => read({ two: [[[[]]]] })).not.toThrow();
    expect(() => read({ two: [[[[[]]]]] })).toThrow(TypeError);
    expect(() => read({ two: [{ four: [{}] }] })).not.toThrow();
    expect(() => read({ two: [{ four: [{ six: {} }] }] })).toThrow(TypeError);
  });

  it('allows plain values on the fifth level', () => {
    expect(() => read({ a: { b: { c: { d: 'level five holds me' } } } })).not.toThrow();
  });

  it('is 64 members per object and per array, on every level', () => {
    expect(() => read(members(64))).not.toThrow();
    expect(() => read(members(65))).toThrow(TypeError);
    expect(() => read({ ...members(64), vanishing: undefined })).not.toThrow();
    expect(() => read({ inner: members(64) })).not.toThrow();
    expect(() => read({ inner: members(65) })).toThrow(TypeError);
    expect(() => read({ list: Array.from({ length: 64 }, () => 1) })).not.toThrow();
    expect(() => read({ list: Array.from({ length: 65 }, () => 1) })).toThrow(TypeError);
  });

  it('is contextMaxBytes of JSON and not one byte more', () => {
    const text = 'x'.repeat(LIMIT - '{"k":""}'.length);
    expect(() => read({ k: text })).not.toThrow();
    expect(() => read({ k: `${text}x` })).toThrow(/4097 bytes.*contextMaxBytes/);
    expect(() => read({}, 2)).not.toThrow();
    expect(() => read({ a: 1 }, 6)).toThrow(TypeError);
  });

  it('counts bytes as they are stored: 6 for a letter beyond ASCII, 12 for an emoji', () => {
    expect(() => read({ k: '日' }, '{"k":""}'.length + 6)).not.toThrow();
    expect(() => read({ k: '日' }, '{"k":""}'.length + 5)).toThrow(TypeError);
    expect(() => read({ é: '🙂' }, '{"":""}'.length + 18)).not.toThrow();
    expect(() => read({ é: '🙂' }, '{"":""}'.length + 17)).toThrow(TypeError);
    expect(() => read({ k: '\u0001' }, '{"k":""}'.length + 6)).not.toThrow();
    expect(() => read({ k: '\u0001' }, '{"k":""}'.length + 5)).toThrow(TypeError);
  });

  it('refuses a huge array at once', () => {
    const huge: unknown[] = [];
    huge.length = 2 ** 32 - 1;
    const time = cpuTimeOf(() => expect(() => read({ huge })).toThrow(TypeError));
    expect(time).toBeLessThan(200);
  });
});

describe('R65: a context with forbidden keys', () => {
  it.each(['__proto__', 'prototype', 'constructor'])('%s is refused at any depth', (key) => {
    const bad = JSON.parse(`{"${key}":1}`) as object;
    expect(Object.hasOwn(bad, key)).toBe(true);
    for (const value of [bad, { a: bad }, { a: [bad] }, { a: { b: { c: bad } } }]) {
      expect(() => read(value)).toThrow(TypeError);
      expect(() => read(value)).toThrow(key);
    }
  });

  it('pollutes no prototype while refusing', () => {
    expect(() => read(JSON.parse('{"__proto__":{"polluted":true}}'))).toThrow(TypeError);
    expect(() => read(JSON.parse('{"a":{"constructor":{"prototype":{"polluted":true}}}}'))).toThrow(TypeError);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is refused even where the value is undefined', () => {
    expect(() => read({ constructor: undefined })).toThrow(TypeError);
  });
});

class Device {
  name = 'phone';
}
const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;
const cyclicArray: unknown[] = [];
cyclicArray.push(cyclicArray);
const sparse: unknown[] = [1];
sparse[2] = 3;

const UNFAITHFUL: [string, unknown][] = [
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['a BigInt', 1n],
  ['a Date', new Date()],
  ['a Map', new Map([['a', 1]])],
  ['a Set', new Set([1])],
  ['a RegExp', /x/],
  ['a Buffer', Buffer.from('x')],
  ['a typed array', new Uint8Array(2)],
  ['an Error', new Error('x')],
  ['a Promise', Promise.resolve(1)],
  ['a class instance', new Device()],
  ['an object with a prototype of its own', Object.create({ inherited: 1 })],
  ['a String object', Object('x')],
  ['a Number object', Object(1)],
  ['a Boolean object', Object(true)],
  ['a function', () => 1],
  ['a class', Device],
  ['a symbol', Symbol('x')],
  ['an object with toJSON', { toJSON: () => ({}) }],
  ['a cycle', cyclic],
  ['a cyclic array', cyclicArray],
  ['a sparse array', sparse],
  ['undefined in an array', [1, undefined]],
  ['a high surrogate alone', '\ud83d'],
  ['a low surrogate alone', 'x\ude42'],
  ['surrogates the wrong way round', '\ude42\ud83d'],
  ['a NUL', 'a\0b'],
];

describe('R65: a context that JSON cannot carry', () => {
  it.each(UNFAITHFUL)('is refused with a TypeError: %s', (_, value) => {
    for (const context of [{ value }, { a: { value } }, { a: [value] }]) {
      expect(() => read(context)).toThrow(TypeError);
    }
  });

  it.each([
    ['a string', 'x'],
    ['an empty string', ''],
    ['a number', 0],
    ['a boolean', false],
    ['an array', []],
    ['a Date', new Date()],
    ['a Map', new Map()],
    ['a class instance', new Device()],
    ['a function', () => ({})],
    ['a symbol', Symbol('x')],
    ['a BigInt', 1n],
  ])('is refused as a whole: %s', (_, value) => {
    expect(() => read(value)).toThrow(TypeError);
  });

  it('is refused for NUL or half a surrogate pair in a key', () => {
    for (const key of ['a\0', '\ud83d', '\ude42x']) {
      expect(() => read({ [key]: 1 })).toThrow(TypeError);
      expect(() => read({ a: { [key]: 1 } })).toThrow(TypeError);
    }
  });

  it('is told by where it is, not by what it holds', () => {
    expect(() => read({ a: { list: [1, () => 'a secret'] } })).toThrow(/context\.a\.list\[1\]/);
    expect(() => read({ a: 'a secret\0' })).toThrow(/^(?!.*a secret).*context\.a/);
  });

  it('is refused wherever the value comes from', () => {
    expect(() => read({ date: runInNewContext('new Date()') as unknown })).toThrow(TypeError);
  });
});

describe('R65: whatever is given as a context', () => {
  const cleanText = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
  const key = cleanText.filter((text) => !['__proto__', 'prototype', 'constructor'].includes(text));
  const { value } = fc.letrec<{ value: unknown; object: object }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constant(null),
      fc.boolean(),
      cleanText,
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.array(tie('value'), { maxLength: 5 }),
      tie('object'),
    ),
    object: fc.dictionary(key, tie('value'), { maxKeys: 5 }),
  }));
  const contexts = fc.dictionary(key, value, { maxKeys: 5 });

  it('is accepted if it is clean JSON, and then round-trips through JSON unchanged', () => {
    fc.assert(
      fc.property(contexts, (given) => {
        const context = read(given, 65_535);
        const parsed: unknown = JSON.parse(JSON.stringify(context));
        expect(parsed).toEqual(JSON.parse(JSON.stringify(given)));
        expect(parsed).toEqual(context);
        expect(isDeeplyReadOnly(context)).toBe(true);
        expect(JSON.stringify(toContext(parsed, 65_535))).toBe(JSON.stringify(context));
      }),
    );
  });

  it('is refused with a TypeError or round-trips through JSON unchanged', () => {
    fc.assert(
      fc.property(
        fc.anything({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
          withBoxedValues: true,
          withObjectString: true,
        }),
        (given) => {
          let context: object;
          try {
            context = toContext(given, 65_535);
          } catch (error) {
            expect(error).toBeInstanceOf(TypeError);
            return;
          }
          expect(isDeeplyReadOnly(context)).toBe(true);
          // Negative zero has a test of its own.
          const parsed = JSON.parse(JSON.stringify(context)) as object;
          expect(JSON.stringify(parsed)).toBe(JSON.stringify(context));
          expect(JSON.stringify(parsed)).toBe(JSON.stringify(given ?? {}));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
