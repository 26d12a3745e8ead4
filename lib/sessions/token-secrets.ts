import { createHmac, hash, hkdfSync, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { LegacyTokens } from '../options/authentify-options.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AbstractAuthToken } from './entities/abstract-auth-token.js';
import type { StoredDigests } from './session-store.js';
import {
  familyOfLegacyToken,
  OpaqueTokenFormat,
  randomFamily,
  randomSecret,
  SECRET_BYTES,
  type TokenKind,
} from './token-format.js';

/** The raw tokens of one generation. */
export interface TokenPair {
  access: string;
  refresh: string | null;
}

/** A refresh token that a client brought, and how its session is found. */
export interface PresentedRefreshToken {
  readonly raw: string;
  /** The part that it and its successors share. */
  readonly family: string;
  /** The digests that its session's family may be stored as. */
  readonly familyDigests: readonly string[];
  /** The form that a row with this family digest was written in; `undefined` = the row is not this token's. */
  formOf(familyDigest: string): DigestForm | undefined;
}

/** The rotation that a successor pair is derived for. */
export interface Rotation {
  /** The refresh token that was exchanged. */
  presented: Pick<PresentedRefreshToken, 'raw' | 'family'>;
  /** 32 random bytes of this rotation, in hex. */
  salt: string;
  /** How the row's digests are made. */
  form: DigestForm;
  sessionId: AbstractAuthToken['id'];
}

/**
 * Makes pairs of tokens and the digests that a row keeps of them, and reads what clients bring back into digests to look
 * up: without SQL, `null` for anything that no client can have from us (R15, R16). With `acceptLegacyTokens` that includes
 * tokens of the system the sessions were imported from, whose digests have no key.
 */
@Injectable()
export class TokenSecrets {
  private readonly format: OpaqueTokenFormat;
  private readonly digester: TokenDigester;
  private readonly legacy: LegacyTokens | null;

  constructor(@Inject(AUTHENTIFY_OPTIONS) options: ResolvedOptions) {
    this.format = new OpaqueTokenFormat(...options.tokenPrefix);
    this.digester = new TokenDigester(options.secureHashAlgorithm, options.hashSecrets);
    this.legacy = options.acceptLegacyTokens;
  }

  /** The form that new digests are made in. */
  get form(): DigestForm {
    return this.digester.form;
  }

  /** A first pair, random throughout (R1, R7). */
  fresh(withRefreshToken: boolean): TokenPair {
    return {
      access: this.format.access(randomSecret()),
      refresh: withRefreshToken ? this.format.refresh(randomFamily(), randomSecret()) : null,
    };
  }

  /** The salt of a new rotation: 32 random bytes, in hex. */
  randomSalt(): string {
    return randomBytes(32).toString('hex');
  }

  /** The pair that follows a refresh token in its family; the same for everyone who holds that token (R32). */
  successor(rotation: Rotation, prefix = this.format.prefix): TokenPair & { refresh: string } {
    const { presented, ...ofRow } = rotation;
    const secrets = this.digester.successorSecrets(presented.raw, ofRow);
    return {
      access: this.format.access(secrets.access, prefix),
      refresh: this.format.refresh(presented.family, secrets.refresh, prefix),
    };
  }

  /**
   * The successor pair that a row has the digest of, with the prefix that the node gave it which rotated; `null` where
   * the row holds no pair of this rotation (R32, R79).
   */
  storedSuccessor(rotation: Rotation, refreshTokenHash: string | null): TokenPair | null {
    const pairs = this.format.prefixes.map((prefix) => this.successor(rotation, prefix));
    const isStored = ({ refresh }: { refresh: string }): boolean =>
      sameDigest(this.digest(refresh, rotation.form), refreshTokenHash);
    return pairs.find(isStored) ?? null;
  }

  digest(token: string, form = this.form): string {
    return this.digester.digest(token, form);
  }

  /** The digests of a pair that a row stores; all of them in one form, so that keys and algorithms can retire. */
  digestsOf(
    pair: TokenPair,
    form = this.form,
  ): Pick<StoredDigests, 'accessTokenHash' | 'refreshTokenHash' | 'refreshFamilyHash'> {
    return {
      accessTokenHash: this.digest(pair.access, form),
      refreshTokenHash: pair.refresh === null ? null : this.digest(pair.refresh, form),
      refreshFamilyHash: pair.refresh === null ? null : this.digest(this.format.familyOf(pair.refresh), form),
    };
  }

  /** The digests that an access token may be stored as. */
  readAccess(raw: unknown): readonly string[] | null {
    if (this.format.isWellFormed('access', raw)) return this.digester.candidates(raw);
    if (typeof raw === 'string' && this.legacy?.isAccessToken(raw)) {
      return this.digester.candidates(raw, this.digester.plainForms);
    }
    return null;
  }

  readRefresh(raw: string): PresentedRefreshToken | null {
    if (this.format.isWellFormed('refresh', raw)) return this.inFamily(raw, this.format.familyOf(raw));
    if (this.legacy?.isRefreshToken(raw)) return this.inImportedFamily(raw);
    return null;
  }

  private inFamily(raw: string, family: string): PresentedRefreshToken {
    return {
      raw,
      family,
      familyDigests: this.digester.candidates(family),
      formOf: (familyDigest) => this.digester.formOf(family, familyDigest),
    };
  }

  /** Until its first refresh an imported row has the digest of the token itself where others have their family's. */
  private inImportedFamily(raw: string): PresentedRefreshToken {
    const { plainForms } = this.digester;
    const exchanged = this.inFamily(raw, familyOfLegacyToken(raw));
    return {
      ...exchanged,
      familyDigests: [...this.digester.candidates(raw, plainForms), ...exchanged.familyDigests],
      formOf: (familyDigest) => this.digester.formOf(raw, familyDigest, plainForms) ?? exchanged.formOf(familyDigest),
    };
  }
}

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
