import { createHmac, hash, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { SECRET_BYTES, type TokenKind } from './opaque-token.js';

/** A key of `hashSecrets`, or `null` where none is configured and plain digests are stored. */
export type HashSecret = KeyObject | null;

/** Bound into every derived secret, so that another scheme can never meet this one. */
const DERIVATION = 'nestjs-authentify/1';

/** Turns tokens into what the database may know of them, and derives a token's successor (R3, R5, R32). */
export class TokenDigester {
  /** Every key tokens are looked up under; the first one signs. */
  readonly keys: readonly HashSecret[];

  constructor(
    private readonly algorithm: string,
    hashSecrets: readonly KeyObject[],
  ) {
    this.keys = hashSecrets.length > 0 ? hashSecrets : [null];
  }

  /** The key that new digests are made with. */
  get signingKey(): HashSecret {
    return this.keys[0] ?? null;
  }

  /** Lower-case hex digest under one key. */
  digest(value: string, key: HashSecret): string {
    return key === null ? hash(this.algorithm, value) : createHmac(this.algorithm, key).update(value).digest('hex');
  }

  /** The digests a stored value may have, one per key. */
  candidates(value: string): string[] {
    return this.keys.map((key) => this.digest(value, key));
  }

  /** The key under which this value has the stored digest; `undefined` if it is none of ours (R4). */
  keyOf(value: string, stored: string): HashSecret | undefined {
    return this.keys.find((key) => sameDigest(this.digest(value, key), stored));
  }

  /**
   * The secrets of a rotation's successor pair: whoever presents the old token derives the same ones, and nobody can
   * from the row alone (HKDF, RFC 5869; one expansion for both, cut in two).
   */
  successorSecrets(
    presented: string,
    { key, salt, sessionId }: { key: HashSecret; salt: string; sessionId: string },
  ): Record<TokenKind, Buffer> {
    // The stored digest of the old token is an HMAC of it under the same key; this must be another one.
    const material = key === null ? presented : createHmac('sha256', key).update(`${DERIVATION}/${presented}`).digest();
    const info = `${DERIVATION}/${sessionId}`;
    const bytes = Buffer.from(hkdfSync('sha256', material, Buffer.from(salt, 'hex'), info, 2 * SECRET_BYTES));
    return { access: bytes.subarray(0, SECRET_BYTES), refresh: bytes.subarray(SECRET_BYTES) };
  }
}

/** Compares byte for byte, whatever the database's collation thinks (R4). */
export function sameDigest(one: string, other: string | null | undefined): boolean {
  if (typeof other !== 'string' || one.length !== other.length) return false;
  return timingSafeEqual(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1'));
}
