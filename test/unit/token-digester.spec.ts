import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { format, inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sameDigest, TokenDigester } from '../../lib/tokens/token-digester.js';

const OLD = createSecretKey('old-key-'.repeat(4), 'utf8');
const NEW = createSecretKey('new-key-'.repeat(4), 'utf8');
const ALGORITHMS = [
  ['sha256', 64],
  ['sha384', 96],
  ['sha512', 128],
] as const;

describe('the digest of a token', () => {
  it.each(ALGORITHMS)('R3: is lower-case hex of %s in %d digits', (algorithm, length) => {
    const digest = new TokenDigester(algorithm, []).digest('af_at_x', null);
    expect(digest).toBe(createHash(algorithm).update('af_at_x').digest('hex'));
    expect(digest).toHaveLength(length);
    expect(digest).toMatch(/^[0-9a-f]+$/);
  });

  it.each(ALGORITHMS)('R3, R5: is an HMAC of %s under a key', (algorithm) => {
    const digester = new TokenDigester(algorithm, [NEW]);
    expect(digester.digest('af_at_x', NEW)).toBe(createHmac(algorithm, NEW).update('af_at_x').digest('hex'));
  });

  it('R5: is signed by the first key and looked up under all, in their order', () => {
    const digester = new TokenDigester('sha256', [NEW, OLD]);
    expect(digester.signingKey).toBe(NEW);
    expect(digester.keys).toEqual([NEW, OLD]);
    expect(digester.candidates('x')).toEqual([digester.digest('x', NEW), digester.digest('x', OLD)]);
    expect(new Set(digester.candidates('x')).size).toBe(2);
  });

  it('R5: without keys is plain, with one candidate', () => {
    const digester = new TokenDigester('sha256', []);
    expect(digester.signingKey).toBeNull();
    expect(digester.candidates('x')).toEqual([createHash('sha256').update('x').digest('hex')]);
  });

  it('R5: no longer matches plain digests once a key is configured', () => {
    const plain = new TokenDigester('sha256', []).digest('x', null);
    expect(new TokenDigester('sha256', [NEW]).keyOf('x', plain)).toBeUndefined();
  });

  it('R4: tells the key a stored digest was made with, and none for a foreign one', () => {
    const digester = new TokenDigester('sha256', [NEW, OLD]);
    expect(digester.keyOf('x', digester.digest('x', OLD))).toBe(OLD);
    expect(digester.keyOf('x', digester.digest('x', NEW))).toBe(NEW);
    expect(digester.keyOf('x', digester.digest('y', NEW))).toBeUndefined();
    expect(digester.keyOf('x', digester.digest('x', NEW).toUpperCase())).toBeUndefined();
    expect(digester.keyOf('x', '')).toBeUndefined();
    expect(new TokenDigester('sha256', []).keyOf('x', createHash('sha256').update('x').digest('hex'))).toBeNull();
  });
});

describe('comparing digests', () => {
  const latin1 = fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('latin1'));

  it('R4: goes byte by byte', () => {
    fc.assert(
      fc.property(latin1, latin1, (one, other) => {
        expect(sameDigest(one, other)).toBe(one === other);
        expect(sameDigest(one, one)).toBe(true);
      }),
    );
    expect(sameDigest('abc', 'ABC')).toBe(false);
    expect(sameDigest('abc', 'abc ')).toBe(false);
  });

  it.each([null, undefined])('R4: finds nothing equal to %s', (nothing) => {
    expect(sameDigest('', nothing)).toBe(false);
    expect(sameDigest('abc', nothing)).toBe(false);
  });
});

describe('the successor of a refresh token', () => {
  const rotation = { key: null, salt: 'ab'.repeat(32), sessionId: 'session-1' } as const;
  const digester = new TokenDigester('sha256', []);
  type Rotation = Parameters<TokenDigester['successorSecrets']>[1];
  const hexOf = (by: TokenDigester, presented: string, change: Partial<Rotation> = {}): string => {
    const { access, refresh } = by.successorSecrets(presented, { ...rotation, ...change });
    return Buffer.concat([access, refresh]).toString('hex');
  };
  const hex = hexOf.bind(null, digester);

  it('R1, R32: is 256 bits of HKDF, the same for everyone who holds the old token', () => {
    expect(hex('old token')).toBe(hex('old token'));
    expect(hexOf(new TokenDigester('sha512', [OLD]), 'old token')).toBe(hex('old token'));
    const { access, refresh } = digester.successorSecrets('old token', rotation);
    expect([access.length, refresh.length]).toEqual([32, 32]);
    expect(access).not.toEqual(refresh);
  });

  it.each([
    ['salt', { salt: 'cd'.repeat(32) }],
    ['session', { sessionId: 'session-2' }],
    ['key', { key: NEW }],
  ])('R1: differs with another %s', (_, change) => {
    expect(hex('old token', change)).not.toBe(hex('old token'));
  });

  it('R1: differs with another presented token and between keys', () => {
    expect(hex('old token')).not.toBe(hex('old tokem'));
    expect(hex('old token', { key: OLD })).not.toBe(hex('old token', { key: NEW }));
  });

  it.each<[string, string, KeyObject[]]>([
    ['without keys', 'sha256', []],
    ['with a key and sha256', 'sha256', [NEW]],
    ['with a key and sha384', 'sha384', [NEW]],
    ['with a key and sha512', 'sha512', [NEW]],
  ])('R3, R32: cannot be derived from the row alone, %s', (_, algorithm, secrets) => {
    const own = new TokenDigester(algorithm, secrets);
    const presented = `af_rt_${'x'.repeat(71)}`;
    const key = own.signingKey;
    const stored = own.digest(presented, key);
    // Whoever reads the table has the previous digest, the salt and the id, and can run this very library without keys.
    const thief = new TokenDigester('sha256', []);
    const guesses = [stored, Buffer.from(stored, 'hex'), Buffer.from(stored, 'hex').subarray(0, 32)].map((material) =>
      hexOf(thief, material as string),
    );

    const successor = hexOf(own, presented, { key });

    expect(guesses).not.toContain(successor);
    expect(hexOf(own, stored, { key })).not.toBe(successor);
  });
});

describe('the digester itself', () => {
  it('R63: shows no key in inspect, JSON or logs', () => {
    const digester = new TokenDigester('sha256', [NEW, OLD]);
    const shown = [
      inspect(digester, { depth: 9, showHidden: true }),
      JSON.stringify(digester),
      format('%s %o %j', digester, digester, digester),
    ].join();
    expect(shown).not.toMatch(/(old|new)-key/);
    expect(shown).not.toContain(Buffer.from('new-key').toString('hex'));
  });
});
