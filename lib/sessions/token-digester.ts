import { createHmac, hash, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { SECRET_BYTES, type TokenKind } from './token-format.js';

/** How all digests of a row are made. */
export interface DigestForm {
  /** As `secureHashAlgorithm` names it. */
  readonly algorithm: string;
  /** A key of `hashSecrets`; `null` = none, so the digests are plain ones. */
  readonly key: KeyObject | null;
}

/** Bound into every derived secret, so that another scheme can never meet this one. */
const DERIVATION = 'nestjs-authentify/1';

type DigestForms = readonly [DigestForm, ...DigestForm[]];

/** Turns tokens into what the database may know of them, and derives a token's successor (R3, R5, R32). */
export class TokenDigester {
  /** Every form tokens are looked up in; more than one while an app moves from one to another (R79). */
  readonly forms: DigestForms;
  /** Those of them that rows without a key may have, whether or not `hashSecrets` accepts such rows. */
  readonly plainForms: DigestForms;

  /** Of both lists the first is written, and all are read. */
  constructor(algorithms: readonly string[], hashSecrets: readonly DigestForm['key'][]) {
    this.forms = formsOf(algorithms, hashSecrets.length > 0 ? hashSecrets : [null]);
    this.plainForms = formsOf(algorithms, [null]);
  }

  /** The form that new digests are made in. */
  get form(): DigestForm {
    return this.forms[0];
  }

  /** Lower-case hex digest in one form. */
  digest(value: string, { algorithm, key }: DigestForm): string {
    return key === null ? hash(algorithm, value) : createHmac(algorithm, key).update(value).digest('hex');
  }

  /** The digests a stored value may have, one per form. */
  candidates(value: string, forms = this.forms): string[] {
    return forms.map((form) => this.digest(value, form));
  }

  /** The form in which this value has the stored digest; `undefined` if it is none of ours (R4). */
  formOf(value: string, stored: string, forms = this.forms): DigestForm | undefined {
    return forms.find((form) => sameDigest(this.digest(value, form), stored));
  }

  /**
   * The secrets of a rotation's successor pair: whoever presents the old token derives the same ones, and nobody can
   * from the row alone (HKDF, RFC 5869; one expansion for both, cut in two).
   *
   * @param form the row's, of which the key alone takes part.
   */
  successorSecrets(
    presented: string,
    { form: { key }, salt, sessionId }: { form: DigestForm; salt: string; sessionId: string },
  ): Record<TokenKind, Buffer> {
    // The stored digest of the old token is an HMAC of it under the same key; this must be another one.
    const material = key === null ? presented : createHmac('sha256', key).update(`${DERIVATION}/${presented}`).digest();
    const info = `${DERIVATION}/${sessionId}`;
    const bytes = Buffer.from(hkdfSync('sha256', material, Buffer.from(salt, 'hex'), info, 2 * SECRET_BYTES));
    return { access: bytes.subarray(0, SECRET_BYTES), refresh: bytes.subarray(SECRET_BYTES) };
  }
}

function formsOf(algorithms: readonly string[], keys: readonly DigestForm['key'][]): DigestForms {
  return algorithms.flatMap((algorithm) => keys.map((key) => ({ algorithm, key }))) as [DigestForm, ...DigestForm[]];
}

/** Compares byte for byte, whatever the database's collation thinks (R4). */
export function sameDigest(one: string, other: string | null | undefined): boolean {
  if (typeof other !== 'string' || one.length !== other.length) return false;
  return timingSafeEqual(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1'));
}
