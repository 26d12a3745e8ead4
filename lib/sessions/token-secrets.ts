import { randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { LegacyTokens } from '../options/authentify-options.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AbstractAuthToken } from './entities/abstract-auth-token.js';
import type { StoredDigests } from './session-store.js';
import { type DigestForm, sameDigest, TokenDigester } from './token-digester.js';
import { familyOfLegacyToken, OpaqueTokenFormat, randomFamily, randomSecret } from './token-format.js';

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
