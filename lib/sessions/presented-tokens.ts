import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { LegacyTokens } from '../options/authentify-options.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { familyOfLegacyToken, type OpaqueTokenFormat } from './token-format.js';
import type { DigestForm, TokenDigester } from './token-digester.js';
import { TokenPairFactory } from './token-secrets.js';

/** A refresh token a client brought, and how its session is found. */
export interface PresentedRefreshToken {
  readonly raw: string;
  /** The part that it and its successors share. */
  readonly family: string;
  /** What the family digest of its row may be. */
  readonly familyDigests: readonly string[];
  /** The form that a row with this family digest was written in; `undefined` = it is none of this token's. */
  formOf(familyDigest: string): DigestForm | undefined;
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
  private readonly legacy: LegacyTokens | null;

  constructor(@Inject(AUTHENTIFY_OPTIONS) options: ResolvedOptions, pairs: TokenPairFactory) {
    this.format = pairs.format;
    this.digester = pairs.digester;
    this.legacy = options.acceptLegacyTokens;
  }

  /** The digests an access token may be stored as. */
  accessDigests(raw: unknown): readonly string[] | null {
    if (this.format.isWellFormed('access', raw)) return this.digester.candidates(raw);
    if (typeof raw === 'string' && this.legacy?.isAccessToken(raw)) {
      return this.digester.candidates(raw, this.digester.plainForms);
    }
    return null;
  }

  refresh(raw: string): PresentedRefreshToken | null {
    if (this.format.isWellFormed('refresh', raw)) return this.inFamily(raw, this.format.familyOf(raw));
    if (typeof raw === 'string' && this.legacy?.isRefreshToken(raw)) return this.inImportedFamily(raw);
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
