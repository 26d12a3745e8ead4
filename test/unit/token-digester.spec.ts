import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { format, inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sameDigest, TokenDigester } from '../../lib/sessions/token-secrets.js';

const OLD = createSecretKey('old-key-'.repeat(4), 'utf8');
const NEW = createSecretKey('new-key-'.repeat(4), 'utf8');
const ALGORITHMS = [
  ['sha256', 64],
  ['sha384', 96],
  ['sha512', 128],
] as const;

const plainly = (algorithm: string, value: string) => createHash(algorithm).update(value).digest('hex');
const under = (key: KeyObject, algorithm: string, value: string) =>
  createHmac(algorithm, key).update(value).digest('hex');

describe('the digest of a token', () => {
  it.each(ALGORITHMS)('R3: is lower-case hex of %s in %d digits', (algorithm, length) => {
    const { form, digest } = bound([algorithm], []);
    expect(digest('af_at_x', form)).toBe(plainly(algorithm, 'af_at_x'));
    expect(digest('af_at_x', form)).toHaveLength(length);
    expect(digest('af_at_x', form)).toMatch(/^[0-9a-f]+$/);
  });

  it.each(ALGORITHMS)('R3, R5: is an HMAC of %s under a key', (algorithm) => {
    const { form, digest } = bound([algorithm], [NEW]);
    expect(digest('af_at_x', form)).toBe(under(NEW, algorithm, 'af_at_x'));
  });

  it.each<[string, string[], (KeyObject | null)[], string[]]>([
    ['one algorithm, without a key', ['sha256'], [], [plainly('sha256', 'x')]],
    ['one algorithm, one key', ['sha256'], [NEW], [under(NEW, 'sha256', 'x')]],
    ['two keys', ['sha256'], [NEW, OLD], [under(NEW, 'sha256', 'x'), under(OLD, 'sha256', 'x')]],
    ['a key, and none', ['sha256'], [NEW, null], [under(NEW, 'sha256', 'x'), plainly('sha256', 'x')]],
    ['none, and a key', ['sha256'], [null, NEW], [plainly('sha256', 'x'), under(NEW, 'sha256', 'x')]],
    ['two algorithms', ['sha512', 'sha256'], [], [plainly('sha512', 'x'), plainly('sha256', 'x')]],
    [
      'two of both',
      ['sha384', 'sha256'],
      [NEW, null],
      [under(NEW, 'sha384', 'x'), plainly('sha384', 'x'), under(NEW, 'sha256', 'x'), plainly('sha256', 'x')],
    ],
  ])('R5, R79: is made in the first form and looked up in all: %s', (_, algorithms, keys, candidates) => {
    const digester = new TokenDigester(algorithms, keys);
    expect(digester.candidates('x')).toEqual(candidates);
    expect(digester.digest('x', digester.form)).toBe(candidates[0]);
    // Each is recognised as what it is, and no other.
    for (const [index, stored] of candidates.entries()) {
      expect(digester.formOf('x', stored)).toBe(digester.forms[index]);
      expect(digester.formOf('y', stored)).toBeUndefined();
      expect(digester.formOf('x', stored.toUpperCase())).toBeUndefined();
    }
    expect(digester.formOf('x', '')).toBeUndefined();
  });

  it.each<[string, string[], (KeyObject | null)[]]>([
    ['plain digests once there is a key', ['sha256'], [NEW]],
    ['digests of another algorithm', ['sha512'], []],
  ])('R4, R5: no longer matches %s', (_, algorithms, keys) => {
    expect(new TokenDigester(algorithms, keys).formOf('x', plainly('sha256', 'x'))).toBeUndefined();
  });

  it('R79: knows the plain forms of all algorithms, which imported sessions have whatever the keys are', () => {
    const digester = new TokenDigester(['sha512', 'sha256'], [NEW]);
    const plain = [plainly('sha512', 'x'), plainly('sha256', 'x')];
    expect(digester.candidates('x', digester.plainForms)).toEqual(plain);
    expect(plain.map((stored) => digester.formOf('x', stored, digester.plainForms))).toEqual([
      { algorithm: 'sha512', key: null },
      { algorithm: 'sha256', key: null },
    ]);
  });
});

function bound(...given: ConstructorParameters<typeof TokenDigester>) {
  const digester = new TokenDigester(...given);
  return { form: digester.form, digest: digester.digest.bind(digester) };
}

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
  const formWith = (key: KeyObject | null) => ({ form: { algorithm: 'sha256', key } });
  const rotation = { ...formWith(null), salt: 'ab'.repeat(32), sessionId: 'session-1' };
  const digester = new TokenDigester(['sha256'], []);
  type Rotation = Parameters<TokenDigester['successorSecrets']>[1];
  const hexOf = (by: TokenDigester, presented: string, change: Partial<Rotation> = {}): string => {
    const { access, refresh } = by.successorSecrets(presented, { ...rotation, ...change });
    return Buffer.concat([access, refresh]).toString('hex');
  };
  const hex = hexOf.bind(null, digester);

  it('R1, R32, RFC 5869: is 256 bits of HKDF, the same for everyone who holds the old token', () => {
    expect(hex('old token')).toBe(hex('old token'));
    expect(hexOf(new TokenDigester(['sha512'], [OLD]), 'old token')).toBe(hex('old token'));
    // So that a node which writes another algorithm derives the same pair.
    expect(hex('old token', { form: { algorithm: 'sha512', key: null } })).toBe(hex('old token'));
    const { access, refresh } = digester.successorSecrets('old token', rotation);
    expect([access.length, refresh.length]).toEqual([32, 32]);
    expect(access).not.toEqual(refresh);
  });

  it.each([
    ['salt', { salt: 'cd'.repeat(32) }],
    ['session', { sessionId: 'session-2' }],
    ['key', formWith(NEW)],
  ])('R1: differs with another %s', (_, change) => {
    expect(hex('old token', change)).not.toBe(hex('old token'));
  });

  it('R1: differs with another presented token and between keys', () => {
    expect(hex('old token')).not.toBe(hex('old tokem'));
    expect(hex('old token', formWith(OLD))).not.toBe(hex('old token', formWith(NEW)));
  });

  it.each<[string, string, KeyObject[]]>([
    ['without keys', 'sha256', []],
    ['with a key and sha256', 'sha256', [NEW]],
    ['with a key and sha384', 'sha384', [NEW]],
    ['with a key and sha512', 'sha512', [NEW]],
  ])('R3, R32: cannot be derived from the row alone, %s', (_, algorithm, secrets) => {
    const own = new TokenDigester([algorithm], secrets);
    const presented = `af_rt_${'x'.repeat(71)}`;
    const { form } = own;
    const stored = own.digest(presented, form);
    // Whoever reads the table has the previous digest, the salt and the id, and can run this very library without keys.
    const thief = new TokenDigester(['sha256'], []);
    const guesses = [stored, Buffer.from(stored, 'hex'), Buffer.from(stored, 'hex').subarray(0, 32)].map((material) =>
      hexOf(thief, material as string),
    );

    const successor = hexOf(own, presented, { form });

    expect(guesses).not.toContain(successor);
    expect(hexOf(own, stored, { form })).not.toBe(successor);
  });
});

describe('the digester itself', () => {
  it('R63: shows no key in inspect, JSON or logs', () => {
    const digester = new TokenDigester(['sha256'], [NEW, OLD]);
    const shown = [
      inspect(digester, { depth: 9, showHidden: true }),
      JSON.stringify(digester),
      format('%s %o %j', digester, digester, digester),
    ].join();
    expect(shown).not.toMatch(/(old|new)-key/);
    expect(shown).not.toContain(Buffer.from('new-key').toString('hex'));
  });
});
