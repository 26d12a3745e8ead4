import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { familyOfDrfAuthentifyToken, isDrfAuthentifyToken } from './drf-authentify-tokens.js';
import type { OpaqueTokenFormat } from './opaque-token.js';
import { type HashSecret, sameDigest, type TokenDigester } from './token-digester.js';
import { TokenPairFactory } from './token-pair.js';

/** A refresh token a client brought, and how its session is found. */
export interface PresentedRefreshToken {
  readonly raw: string;
  /** The part that it and its successors share. */
  readonly family: string;
  /** What the family digest of its row may be. */
  readonly familyDigests: readonly string[];
  /** The key that a row with this family digest was written under; `undefined` = it is none of this token's. */
  keyOf(familyDigest: string): HashSecret | undefined;
}

/**
 * Reads what clients bring into the digests to look up, without SQL: `null` for anything that no client can have
 * from us (R15, R16). With `acceptLegacyTokens` that includes tokens of the system the sessions were imported from,
 * whose digests have no key.
 */
@Injectable()
export class PresentedTokens {
  private readonly format: OpaqueTokenFormat;
  private readonly digester: TokenDigester;
  private readonly acceptsLegacy: boolean;

  constructor(@Inject(AUTHENTIFY_OPTIONS) options: ResolvedOptions, pairs: TokenPairFactory) {
    this.format = pairs.format;
    this.digester = pairs.digester;
    this.acceptsLegacy = options.acceptLegacyTokens !== null;
  }

  /** The digests an access token may be stored as. */
  accessDigests(raw: unknown): readonly string[] | null {
    if (this.format.isWellFormed('access', raw)) return this.digester.candidates(raw);
    if (this.acceptsLegacy && isDrfAuthentifyToken('access', raw)) return [this.digester.digest(raw, null)];
    return null;
  }

  refresh(raw: string): PresentedRefreshToken | null {
    if (this.format.isWellFormed('refresh', raw)) return this.inFamily(raw, this.format.familyOf(raw));
    if (this.acceptsLegacy && isDrfAuthentifyToken('refresh', raw)) return this.legacy(raw);
    return null;
  }

  private inFamily(raw: string, family: string): PresentedRefreshToken {
    return {
      raw,
      family,
      familyDigests: this.digester.candidates(family),
      keyOf: (familyDigest) => this.digester.keyOf(family, familyDigest),
    };
  }

  /** Until its first refresh an imported row has the digest of the token itself where others have their family's. */
  private legacy(raw: string): PresentedRefreshToken {
    const imported = this.digester.digest(raw, null);
    const exchanged = this.inFamily(raw, familyOfDrfAuthentifyToken(raw));
    return {
      ...exchanged,
      familyDigests: [imported, ...exchanged.familyDigests],
      keyOf: (familyDigest) => (sameDigest(imported, familyDigest) ? null : exchanged.keyOf(familyDigest)),
    };
  }
}
