import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpaqueTokenFormat, randomFamily, randomSecret, type TokenKind } from '../../lib/sessions/token-format.js';
import { cpuTimeOf } from '../support/cpu-time.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const LETTERS = ALPHABET.split('');
const KINDS: readonly TokenKind[] = ['access', 'refresh'];
const format = new OpaqueTokenFormat('af');

/** Base62 as the specification words it, written independently of the library. */
function base62(value: bigint, length: number): string {
  let text = '';
  for (let place = 0; place < length; place += 1) {
    text = ALPHABET.charAt(Number(value % 62n)) + text;
    value /= 62n;
  }
  return text;
}
const checksum = (body: string): string => base62(BigInt(crc32(body)), 6);
const decode = (text: string): bigint =>
  text.split('').reduce((value, c) => value * 62n + BigInt(ALPHABET.indexOf(c)), 0n);

const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
const families = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
  return base62(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), 22);
});
const kinds = fc.constantFrom(...KINDS);
const make = (kind: TokenKind, secret: Buffer, family: string): string =>
  kind === 'access' ? format.access(secret) : format.refresh(family, secret);
const tokens = fc.tuple(kinds, secrets, families).map(([kind, secret, family]) => ({
  kind,
  token: make(kind, secret, family),
}));

describe('the format of a token', () => {
  it('R2: is prefix, kind, secret and a checksum of everything before it', () => {
    fc.assert(
      fc.property(secrets, families, (secret, family) => {
        const digits = base62(BigInt(`0x${secret.toString('hex')}`), 43);
        expect(format.access(secret)).toBe(`af_at_${digits}${checksum(`af_at_${digits}`)}`);
        expect(format.refresh(family, secret)).toBe(`af_rt_${family}${digits}${checksum(`af_rt_${family}${digits}`)}`);
      }),
    );
  });

  it('R2: has one length per kind and letters that are safe in URLs, cookies and headers', () => {
    fc.assert(
      fc.property(tokens, ({ kind, token }) => {
        expect(token).toHaveLength(kind === 'access' ? 6 + 43 + 6 : 6 + 22 + 43 + 6);
        expect(token).toMatch(/^af_[ar]t_[0-9A-Za-z]+$/);
        expect(encodeURIComponent(token)).toBe(token);
      }),
    );
  });

  it('keeps all 256 bits of a secret and all 128 of a family', () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        const hex = decode(format.access(secret).slice(6, 49)).toString(16).padStart(64, '0');
        expect(hex).toBe(secret.toString('hex'));
      }),
    );
    expect(decode(format.access(Buffer.alloc(32, 255)).slice(6, 49))).toBe(2n ** 256n - 1n);
  });

  it('pads leading zeros of the secret', () => {
    const zero = format.access(Buffer.alloc(32));
    expect(zero).toBe(`af_at_${'0'.repeat(43)}${checksum(`af_at_${'0'.repeat(43)}`)}`);
    expect(format.isWellFormed('access', zero)).toBe(true);
    const one = Buffer.alloc(32);
    one[31] = 1;
    expect(format.access(one).slice(6, 49)).toBe(`${'0'.repeat(42)}1`);
  });

  it('pads leading zeros of the checksum', () => {
    // Every second CRC-32 or so is below 62^5 * 4.7; one in about 4.7 needs a leading zero, so a hundred surely hold one.
    const found = Array.from({ length: 100 }, (_, index) => {
      const secret = Buffer.alloc(32);
      secret.writeUInt32BE(index, 28);
      return format.access(secret);
    }).filter((token) => token.at(-6) === '0');
    expect(found.length).toBeGreaterThan(0);
    for (const token of found) {
      expect(token).toHaveLength(55);
      expect(format.isWellFormed('access', token)).toBe(true);
    }
  });

  it('R2: recognises what it wrote', () => {
    fc.assert(fc.property(tokens, ({ kind, token }) => format.isWellFormed(kind, token)));
  });

  it('R19: never confuses the kinds', () => {
    fc.assert(
      fc.property(tokens, ({ kind, token }) => {
        expect(format.isWellFormed(kind === 'access' ? 'refresh' : 'access', token)).toBe(false);
      }),
    );
    // Not even where length and checksum would fit the other kind.
    const body = `af_at_${'0'.repeat(65)}`;
    expect(format.isWellFormed('refresh', body + checksum(body))).toBe(false);
    const short = `af_rt_${'0'.repeat(43)}`;
    expect(format.isWellFormed('access', short + checksum(short))).toBe(false);
  });

  it.each(['ab', 'af', '00', 'myapp12345', 'a1b2c3'])('R2: takes the configured prefix %j and no other', (prefix) => {
    const own = new OpaqueTokenFormat(prefix);
    const other = new OpaqueTokenFormat(prefix === 'zz' ? 'yy' : 'zz');
    const secret = randomSecret();
    expect(own.access(secret).startsWith(`${prefix}_at_`)).toBe(true);
    expect(own.isWellFormed('access', own.access(secret))).toBe(true);
    expect(other.isWellFormed('access', own.access(secret))).toBe(false);
    expect(own.familyOf(own.refresh('F'.repeat(22), secret))).toBe('F'.repeat(22));
  });

  it('R79: reads each of several prefixes, of whatever length, and writes the first', () => {
    const both = new OpaqueTokenFormat('mine', 'af');
    const family = randomFamily();
    for (const prefix of ['mine', 'af']) {
      const own = new OpaqueTokenFormat(prefix);
      expect(both.isWellFormed('access', own.access(randomSecret()))).toBe(true);
      const refresh = own.refresh(family, randomSecret());
      expect(both.isWellFormed('refresh', refresh)).toBe(true);
      expect(both.familyOf(refresh)).toBe(family);
    }
    const secret = randomSecret();
    expect(both.access(secret)).toBe(new OpaqueTokenFormat('mine').access(secret));
    expect(both.access(secret, 'af')).toBe(format.access(secret));
    expect(both.refresh(family, secret, 'af')).toBe(format.refresh(family, secret));
    // Neither one prefix within the other, nor half of each.
    for (const prefix of ['mi', 'minea', 'mineaf', 'f', 'miaf', '']) {
      expect(both.isWellFormed('access', format.access(secret, prefix))).toBe(false);
    }
  });

  it('reads back the family that was written', () => {
    fc.assert(
      fc.property(secrets, families, (secret, family) => {
        expect(format.familyOf(format.refresh(family, secret))).toBe(family);
      }),
    );
  });
});

describe('reading what claims to be a token', () => {
  it('R14, R15: never throws and finds nothing in arbitrary strings and values', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.anything()), kinds, (value, kind) => {
        expect(format.isWellFormed(kind, value)).toBe(false);
      }),
    );
  });

  it('R16: refuses strings of the right shape without the right checksum', () => {
    const digits = fc.string({ unit: fc.constantFrom(...LETTERS), minLength: 49, maxLength: 49 });
    fc.assert(
      fc.property(digits, (text) => {
        const token = `af_at_${text}`;
        expect(format.isWellFormed('access', token)).toBe(token.endsWith(checksum(token.slice(0, -6))));
      }),
    );
    expect(format.isWellFormed('access', `af_at_${'0'.repeat(49)}`)).toBe(false);
  });

  it('R2: refuses a valid token after any change of one character', () => {
    const character = fc.oneof(
      fc.constantFrom(...LETTERS, '_', '-', ' ', '\n', '\0'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    fc.assert(
      fc.property(tokens, fc.nat(), character, ({ kind, token }, at, other) => {
        const index = at % token.length;
        fc.pre(token[index] !== other);
        const changed = token.slice(0, index) + other + token.slice(index + 1);
        expect(format.isWellFormed(kind, changed)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('R2: refuses every one-character change of one token, without exception', () => {
    const token = format.access(randomSecret());
    const accepted = token.split('').flatMap((original, index) =>
      [...LETTERS, '_']
        .filter((letter) => letter !== original)
        .map((letter) => token.slice(0, index) + letter + token.slice(index + 1))
        .filter((changed) => format.isWellFormed('access', changed)),
    );
    expect(accepted).toEqual([]);
  });

  it('R15: refuses a valid token with anything before, after, within or missing', () => {
    fc.assert(
      fc.property(tokens, fc.nat(), fc.string({ minLength: 1, maxLength: 3 }), ({ kind, token }, at, extra) => {
        const index = at % (token.length + 1);
        expect(format.isWellFormed(kind, token.slice(0, index) + extra + token.slice(index))).toBe(false);
        expect(format.isWellFormed(kind, token.slice(0, -1))).toBe(false);
        expect(format.isWellFormed(kind, token.slice(1))).toBe(false);
      }),
    );
    const token = format.access(randomSecret());
    for (const around of [`${token}\n`, ` ${token}`, `${token} `, `Bearer ${token}`, `"${token}"`, token.repeat(2)]) {
      expect(format.isWellFormed('access', around)).toBe(false);
    }
  });

  it('R2: tells upper from lower case', () => {
    const token = format.access(randomSecret());
    expect(format.isWellFormed('access', token.toUpperCase())).toBe(false);
    expect(format.isWellFormed('access', token.replace('af_', 'AF_'))).toBe(false);
  });

  it('R14: takes no String object, array or object that turns into a token', () => {
    const token = format.access(randomSecret());
    for (const value of [Object(token), [token], { toString: () => token }, Buffer.from(token)]) {
      expect(format.isWellFormed('access', value)).toBe(false);
    }
  });

  it('R15: is done with a megabyte of input at once', () => {
    const time = cpuTimeOf(() => {
      expect(format.isWellFormed('access', `af_at_${'a'.repeat(1_000_000)}`)).toBe(false);
      expect(format.isWellFormed('refresh', 'af_rt_'.repeat(200_000))).toBe(false);
    });
    expect(time).toBeLessThan(500);
  });
});

describe('the randomness of tokens', () => {
  it('R1: is 256 bits for a secret and 128 for a family, never twice the same', () => {
    const secrets = Array.from({ length: 1_000 }, () => randomSecret().toString('hex'));
    const families = Array.from({ length: 1_000 }, () => randomFamily());
    expect(new Set(secrets).size).toBe(1_000);
    expect(new Set(families).size).toBe(1_000);
    expect(secrets.every((secret) => secret.length === 64)).toBe(true);
    expect(families.every((family) => /^[0-9A-Za-z]{22}$/.test(family))).toBe(true);
  });

  it('R1: leaves no bit of a secret constant', () => {
    const secrets = Array.from({ length: 200 }, () => randomSecret());
    const ever = Buffer.alloc(32);
    const always = Buffer.alloc(32, 255);
    for (const secret of secrets) {
      secret.forEach((byte, index) => {
        ever[index]! |= byte;
        always[index]! &= byte;
      });
    }
    expect(ever).toEqual(Buffer.alloc(32, 255));
    expect(always).toEqual(Buffer.alloc(32));
  });
});
