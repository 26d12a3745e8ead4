import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AbstractAuthToken } from './entities/abstract-auth-token.js';
import { OpaqueTokenFormat, randomFamily, randomSecret } from './token-format.js';
import { type DigestForm, sameDigest, TokenDigester } from './token-digester.js';
import type { StoredDigests } from '../store/session-table.js';

/** The raw tokens of one generation. */
export interface TokenPair {
  access: string;
  refresh: string | null;
}

/** The rotation that a successor pair is derived for. */
export interface Rotation {
  /** The refresh token that was exchanged. */
  raw: string;
  /** The family part that its successors carry. */
  family: string;
  /** 32 random bytes of this rotation, in hex. */
  salt: string;
  /** How the row's digests are made. */
  form: DigestForm;
  sessionId: AbstractAuthToken['id'];
}

/** Makes pairs and the digests of them that a row keeps. */
@Injectable()
export class TokenPairFactory {
  readonly format: OpaqueTokenFormat;
  readonly digester: TokenDigester;

  constructor(@Inject(AUTHENTIFY_OPTIONS) options: ResolvedOptions) {
    this.format = new OpaqueTokenFormat(...options.tokenPrefix);
    this.digester = new TokenDigester(options.secureHashAlgorithm, options.hashSecrets);
  }

  /** A first pair, random throughout (R1, R7). */
  fresh(withRefreshToken: boolean): TokenPair {
    return {
      access: this.format.access(randomSecret()),
      refresh: withRefreshToken ? this.format.refresh(randomFamily(), randomSecret()) : null,
    };
  }

  /** The pair that follows a refresh token in its family; the same for everyone who holds that token (R32). */
  successor(rotation: Rotation, prefix = this.format.prefix): TokenPair & { refresh: string } {
    const secrets = this.digester.successorSecrets(rotation.raw, rotation);
    return {
      access: this.format.access(secrets.access, prefix),
      refresh: this.format.refresh(rotation.family, secrets.refresh, prefix),
    };
  }

  /**
   * The successor pair that a row has the digest of, with the prefix that the node gave it which rotated; `null` where
   * the row holds no pair of this rotation (R32, R79).
   */
  storedSuccessor(rotation: Rotation, refreshTokenHash: string | null): TokenPair | null {
    const pairs = this.format.prefixes.map((prefix) => this.successor(rotation, prefix));
    const isStored = ({ refresh }: { refresh: string }): boolean =>
      sameDigest(this.digester.digest(refresh, rotation.form), refreshTokenHash);
    return pairs.find(isStored) ?? null;
  }

  /** What a row stores of a pair; all of it in one form, so that keys and algorithms can retire. */
  digestsOf(pair: TokenPair, form: DigestForm): Omit<StoredDigests, 'previousRefreshTokenHash' | 'rotationSalt'> {
    const digest = (value: string): string => this.digester.digest(value, form);
    return {
      accessTokenHash: digest(pair.access),
      refreshTokenHash: pair.refresh === null ? null : digest(pair.refresh),
      refreshFamilyHash: pair.refresh === null ? null : digest(this.format.familyOf(pair.refresh)),
    };
  }
}
