import { hkdfSync, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What a token opens: an API call, or the next pair. */
export type TokenKind = 'access' | 'refresh';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const MARKS: Record<TokenKind, string> = { access: 'at', refresh: 'rt' };
export const SECRET_BYTES = 32;
/** Base62 digits of 256 bits, of a session's 128-bit family part, and of a CRC-32. */
const SECRET_LENGTH = 43;
const FAMILY_LENGTH = 22;
const FAMILY_BYTES = 16;
const CHECKSUM_LENGTH = 6;
/** As many digits as a number holds exactly. */
const CHUNK_LENGTH = 8;
const CHUNK = 62n ** BigInt(CHUNK_LENGTH);

/** 256 fresh random bits (R1). */
export function randomSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** The part that all refresh tokens of one session share, from its first to its last. */
export function randomFamily(): string {
  return encodeFamily(randomBytes(FAMILY_BYTES));
}

/**
 * The family of the session that another system's refresh token is exchanged into. Such a token has no family part, so
 * one is derived: every later token of the session carries it, and the old one can always be told to belong there (R34).
 * From the digest in the database nobody can derive it.
 */
export function familyOfLegacyToken(refreshToken: string): string {
  return encodeFamily(Buffer.from(hkdfSync('sha256', refreshToken, '', 'nestjs-authentify/1/family', FAMILY_BYTES)));
}

/** A family part from its 128 bits. */
export function encodeFamily(bytes: Buffer): string {
  return base62(bytes, FAMILY_LENGTH);
}

/**
 * Writes tokens `<prefix>_at_<secret><checksum>` and `<prefix>_rt_<family><secret><checksum>`, safe in URLs, cookies
 * and `Authorization` headers, and reads them back without asking a database (R2, R15, R16).
 */
export class OpaqueTokenFormat {
  /** What tokens may begin with; new ones begin with the first. */
  readonly prefixes: readonly string[];
  private readonly patterns: Record<TokenKind, RegExp>;

  constructor(...prefixes: readonly string[]) {
    this.prefixes = prefixes;
    this.patterns = {
      access: this.pattern('access', SECRET_LENGTH + CHECKSUM_LENGTH),
      refresh: this.pattern('refresh', FAMILY_LENGTH + SECRET_LENGTH + CHECKSUM_LENGTH),
    };
  }

  /** The prefix of new tokens. */
  get prefix(): string {
    return this.prefixes[0] ?? '';
  }

  access(secret: Buffer, prefix = this.prefix): string {
    return withChecksum(`${prefix}_${MARKS.access}_${base62(secret, SECRET_LENGTH)}`);
  }

  refresh(family: string, secret: Buffer, prefix = this.prefix): string {
    return withChecksum(`${prefix}_${MARKS.refresh}_${family}${base62(secret, SECRET_LENGTH)}`);
  }

  /** Whether this is a token of ours, of this kind; says nothing about whether it was ever issued. */
  isWellFormed(kind: TokenKind, value: unknown): value is string {
    return typeof value === 'string' && this.patterns[kind].test(value) && hasChecksum(value);
  }

  /** The family part of a well-formed refresh token, whichever prefix it has. */
  familyOf(refreshToken: string): string {
    const end = refreshToken.length - SECRET_LENGTH - CHECKSUM_LENGTH;
    return refreshToken.slice(end - FAMILY_LENGTH, end);
  }

  /** One fixed length per kind and no repetition to backtrack into. */
  private pattern(kind: TokenKind, length: number): RegExp {
    return new RegExp(`^(?:${this.prefixes.join('|')})_${MARKS[kind]}_[0-9A-Za-z]{${length}}$`);
  }
}

function withChecksum(body: string): string {
  return body + checksumOf(body);
}

function hasChecksum(token: string): boolean {
  return token.endsWith(checksumOf(token.slice(0, -CHECKSUM_LENGTH)));
}

/** With numbers, because every request computes one. */
function checksumOf(body: string): string {
  return digits(crc32(body), CHECKSUM_LENGTH);
}

/** Several digits per division, because those of large numbers are slow. */
function base62(bytes: Buffer, length: number): string {
  let text = '';
  for (let rest = BigInt(`0x${bytes.toString('hex')}`); rest > 0n; rest /= CHUNK) {
    text = digits(Number(rest % CHUNK), CHUNK_LENGTH) + text;
  }
  return text.padStart(length, '0').slice(-length);
}

function digits(value: number, length: number): string {
  let text = '';
  for (let rest = value; rest > 0; rest = Math.floor(rest / 62)) text = ALPHABET.charAt(rest % 62) + text;
  return text.padStart(length, '0');
}
