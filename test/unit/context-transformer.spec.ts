import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contextTransformer, isPast } from '../../lib/sessions/entities/abstract-auth-token.js';
import { UNREADABLE } from '../../lib/sessions/context.js';

const stored = (context: unknown) => contextTransformer.to(context) as string;
const read = (text: unknown) => contextTransformer.from(text) as unknown;

describe('R65: a context in the database', () => {
  it('is ASCII and reads back equal, whatever its letters', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })), (given) => {
        const context = JSON.parse(JSON.stringify(given)) as object;
        const text = stored(context);
        expect(text).toMatch(/^[\x20-\x7f]*$/);
        expect(JSON.stringify(read(text))).toBe(JSON.stringify(context));
      }),
    );
  });

  it('reads what was written in other letters, and what a JSON column of the database has parsed', () => {
    expect({ ...(read('{"device":"Zoë 🙂"}') as object) }).toEqual({ device: 'Zoë 🙂' });
    expect({ ...(read({ device: 'Zoë' }) as object) }).toEqual({ device: 'Zoë' });
  });

  it.each([
    ['an empty text', ''],
    ['a text cut off', '{"device":"Zo'],
    ['no JSON', 'device=phone'],
    ['an array', '[]'],
    ['null in JSON', 'null'],
    ['a number', '5'],
    ['a text in JSON', '"{}"'],
    ['another object of the driver', Buffer.from('{}')],
    ['what is nested beyond any stack', '['.repeat(1e6) + ']'.repeat(1e6)],
    ['an object nested beyond any stack', '{"a":'.repeat(1e5) + '1' + '}'.repeat(1e5)],
  ])('is unreadable, and no failure, where it is %s', (_, text) => {
    expect(read(text)).toBe(UNREADABLE);
  });

  it('takes a pattern to look for as it is', () => {
    expect(stored('%phone%')).toBe('%phone%');
  });

  it('leaves out what a query did not find or select', () => {
    expect(read(null)).toBeNull();
    expect(read(undefined)).toBeUndefined();
  });
});

describe('R24: a deadline that is no date', () => {
  it('has been reached', () => {
    expect(isPast(new Date(Number.NaN), Date.now())).toBe(true);
    expect(isPast(new Date(1e16), Date.now())).toBe(true);
  });
});
