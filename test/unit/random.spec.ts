import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { OpaqueTokenFormat, randomFamily, randomSecret } from '../../lib/sessions/token-format.js';
import { type TokenPair, TokenSecrets } from '../../lib/sessions/token-secrets.js';
import { drawFrom } from '../support/random-source.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LOGINS = 20_000;
const HEAD = 'af_at_'.length;
/** Digits of the secret, and of the family before it in refresh tokens. */
const SECRET = 43;
const FAMILY = 22;
const CHECKSUM = 6;

const secrets = new TokenSecrets(resolveOptions({}));
afterEach(() => drawFrom());

/**
 * How likely each digit is at a position of a uniform number below 2^bits, written in Base62: the first digits of a
 * number cannot all be equally frequent, as 2^256 is no power of 62.
 */
function likelihoods(bits: number, length: number, position: number): number[] {
  const count = 2n ** BigInt(bits);
  const weight = 62n ** BigInt(length - 1 - position);
  const cycle = 62n * weight;
  return Array.from(ALPHABET, (_, digit) => {
    const rest = (count % cycle) - BigInt(digit) * weight;
    const last = rest < 0n ? 0n : rest > weight ? weight : rest;
    return Number((((count / cycle) * weight + last) * 10n ** 12n) / count) / 1e12;
  });
}

/** Pearson's statistic in standard deviations above what chance gives; digits that cannot be must not be. */
function deviation(observed: number[], expected: number[]): number {
  const total = observed.reduce((sum, count) => sum + count, 0);
  let statistic = 0;
  let cells = 0;
  for (const [digit, share] of expected.entries()) {
    if (share * total < 1) {
      if (observed[digit]! > 10) return Infinity;
      continue;
    }
    statistic += (observed[digit]! - share * total) ** 2 / (share * total);
    cells += 1;
  }
  return (statistic - (cells - 1)) / Math.sqrt(2 * (cells - 1));
}

function deviations(texts: string[], bits: number): number[] {
  const length = texts[0]!.length;
  return Array.from({ length }, (_, position) => {
    const observed = Array.from(ALPHABET, () => 0);
    for (const text of texts) observed[ALPHABET.indexOf(text[position]!)]! += 1;
    return deviation(observed, likelihoods(bits, length, position));
  });
}

/** The parts of a pair that were drawn: neither prefix nor checksum. */
const drawn = ({ access, refresh }: TokenPair): string[] => [
  access.slice(HEAD, -CHECKSUM),
  refresh!.slice(HEAD, HEAD + FAMILY),
  refresh!.slice(HEAD + FAMILY, -CHECKSUM),
];

/** Whether two texts have this many characters in a row in common, anywhere. */
function overlap(one: string, other: string, length: number): boolean {
  for (let start = 0; start + length <= one.length; start += 1) {
    if (other.includes(one.slice(start, start + length))) return true;
  }
  return false;
}

describe('the tokens of 20,000 logins', () => {
  let access: string[];
  let families: string[];
  let refresh: string[];
  beforeAll(() => {
    const parts = Array.from({ length: LOGINS }, () => drawn(secrets.fresh(true)));
    [access, families, refresh] = [0, 1, 2].map((index) => parts.map((part) => part[index]!)) as [
      string[],
      string[],
      string[],
    ];
  });

  it('R1: are all different, also from each other’s parts', () => {
    expect(new Set([...access, ...refresh]).size).toBe(2 * LOGINS);
    expect(new Set(families).size).toBe(LOGINS);
    expect(new Set([...access, ...refresh].map((secret) => secret.slice(0, 12))).size).toBe(2 * LOGINS);
    expect(new Set([...access, ...refresh].map((secret) => secret.slice(-12))).size).toBe(2 * LOGINS);
  });

  // Ten standard deviations: by chance less often than once in ten thousand million runs.
  it.each([
    ['access secret', () => access, 256, SECRET],
    ['refresh secret', () => refresh, 256, SECRET],
    ['family', () => families, 128, FAMILY],
  ] as const)('R1, R2: have the letters of chance at every position of the %s', (_, texts, bits, length) => {
    const found = deviations([...texts()], bits);
    expect(found).toHaveLength(length);
    expect(Math.max(...found)).toBeLessThan(10);
  });

  it('R1: the measure above notices a position where some letters are more frequent', () => {
    // As seven random bits modulo 62 would give it: four letters come three times where others come twice.
    const skewed = access.map((text, index) => text.slice(0, 20) + ALPHABET[(index % 128) % 62] + text.slice(21));
    const found = deviations(skewed, 256);
    expect(found[20]).toBeGreaterThan(10);
    expect(Math.max(...found.filter((_, position) => position !== 20))).toBeLessThan(10);
  });

  it('R1: neighbouring positions are independent', () => {
    // Pairs of digits modulo 8 at two positions: 64 cells instead of 3844.
    for (const [one, other] of [
      [10, 11],
      [20, 30],
      [41, 42],
    ] as const) {
      const observed = Array.from({ length: 64 }, () => 0);
      const weights = Array.from({ length: 8 }, (_, rest) => (rest < 6 ? 8 : 7) / 62);
      for (const text of access) {
        observed[(ALPHABET.indexOf(text[one]!) % 8) * 8 + (ALPHABET.indexOf(text[other]!) % 8)]! += 1;
      }
      const expected = weights.flatMap((weight) => weights.map((another) => weight * another));
      expect(deviation(observed, expected)).toBeLessThan(10);
    }
  });
});

describe('what a token tells', () => {
  it('R6: two logins at the same instant share the prefix and nothing else', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 15, 12) });
    for (let round = 0; round < 100; round += 1) {
      const [one, other] = [secrets.fresh(true), secrets.fresh(true)];
      const parts = [...drawn(one), ...drawn(other)];
      for (const [index, part] of parts.entries()) {
        for (const another of parts.slice(index + 1)) expect(overlap(part, another, 9)).toBe(false);
      }
    }
  });

  it('R6: nothing but random bytes goes into a token: neither the time nor the process’s past', () => {
    drawFrom((size) => Buffer.alloc(size, 0xa5));
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
    const atTheEpoch = secrets.fresh(true);
    vi.setSystemTime(Date.UTC(2040, 5, 1));
    expect(secrets.fresh(true)).toEqual(atTheEpoch);
    expect(new TokenSecrets(resolveOptions({})).fresh(true)).toEqual(atTheEpoch);

    drawFrom();
    expect(secrets.fresh(true)).not.toEqual(atTheEpoch);
  });

  it('R1: 32 bytes are asked for per secret and 16 for a family, none of them twice used', () => {
    const sizes: number[] = [];
    drawFrom((size) => {
      sizes.push(size);
      return Buffer.alloc(size, sizes.length);
    });
    const { access, refresh } = secrets.fresh(true);
    expect(sizes.toSorted((one, other) => one - other)).toEqual([16, 32, 32]);
    expect(access.slice(HEAD, -CHECKSUM)).not.toBe(refresh!.slice(HEAD + FAMILY, -CHECKSUM));
  });

  it('R2: a secret is its bytes in Base62 and gives them back', () => {
    const bytes = randomBytes(32);
    const token = new OpaqueTokenFormat('af').access(bytes);
    const value = Array.from(token.slice(HEAD, -CHECKSUM)).reduce(
      (sum, letter) => sum * 62n + BigInt(ALPHABET.indexOf(letter)),
      0n,
    );
    expect(value.toString(16).padStart(64, '0')).toBe(bytes.toString('hex'));
  });
});

describe('a random source that fails', () => {
  it('R1: makes no token at all, without a fallback', () => {
    drawFrom(() => {
      throw new Error('no entropy');
    });
    expect(() => randomSecret()).toThrow('no entropy');
    expect(() => randomFamily()).toThrow('no entropy');
    expect(() => secrets.fresh(true)).toThrow('no entropy');
    expect(() => secrets.fresh(false)).toThrow('no entropy');
  });
});
