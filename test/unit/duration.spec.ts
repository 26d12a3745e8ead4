import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../lib/options/duration.js';

const THOUSAND_YEARS = 1_000 * 365.25 * 86_400_000;

describe('a duration', () => {
  it.each([
    [1, 1_000],
    [900, 900_000],
    [0.25, 250],
    [0.001, 1],
    ['1ms', 1],
    ['1s', 1_000],
    ['90 seconds', 90_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1y', 31_557_600_000],
    ['7D', 604_800_000],
    ['1000y', THOUSAND_YEARS],
    [`${'0'.repeat(97)}15m`, 900_000],
  ])('R27: reads %j as %d ms', (value, milliseconds) => {
    expect(parseDuration(value)).toBe(milliseconds);
  });

  it('is a whole number of milliseconds', () => {
    expect(parseDuration(1.0004)).toBe(1_000);
    expect(parseDuration(1.0006)).toBe(1_001);
  });

  it.each([
    0,
    -0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.MAX_SAFE_INTEGER,
    0.000_9,
    '',
    ' ',
    'soon',
    '900',
    '0s',
    '-5m',
    '0.5ms',
    'm',
    '5 parsecs',
    '5m 30s',
    '15m\n',
    '1001y',
    'Infinityd',
    `${'1'.repeat(99)}ms`,
    `1${' '.repeat(200)}s`,
    `${'0'.repeat(98)}15m`,
  ])('R27: refuses %j with a RangeError that says what to write', (value) => {
    expect(() => parseDuration(value)).toThrow(RangeError);
    expect(() => parseDuration(value)).toThrow(/number of seconds.*unit/);
  });

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a boolean', true],
    ['a BigInt', 5n],
    ['an array', ['1h']],
    ['an object', {}],
    ['a Date', new Date()],
    ['a String object', Object('1h')],
    ['a function', () => 60],
    ['a symbol', Symbol('1h')],
  ])('R27: refuses %s with a TypeError', (_, value: unknown) => {
    expect(() => parseDuration(value)).toThrow(TypeError);
  });

  it('R27: gives 1 ms to 1000 years or throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        try {
          const milliseconds = parseDuration(value);
          expect(Number.isInteger(milliseconds)).toBe(true);
          expect(milliseconds).toBeGreaterThanOrEqual(1);
          expect(milliseconds).toBeLessThanOrEqual(THOUSAND_YEARS);
        } catch (error) {
          expect(error instanceof RangeError || error instanceof TypeError).toBe(true);
        }
      }),
    );
  });

  it('reads every whole number of seconds alike as a number and with its unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000_000 }), (seconds) => {
        expect(parseDuration(`${seconds}s`)).toBe(seconds * 1_000);
        expect(parseDuration(seconds)).toBe(seconds * 1_000);
      }),
    );
  });
});
