import { hkdfSync } from 'node:crypto';
import { encodeFamily, FAMILY_BYTES, type TokenKind } from './token-format.js';

/** Python's `token_urlsafe(32)` and `token_urlsafe(48)`. No token of ours is that short or that long. */
const PATTERNS: Record<TokenKind, RegExp> = {
  access: /^[0-9A-Za-z_-]{43}$/,
  refresh: /^[0-9A-Za-z_-]{64}$/,
};

/** Whether drf-authentify may have issued this; says nothing about whether it did. */
export function isDrfAuthentifyToken(kind: TokenKind, value: unknown): value is string {
  return typeof value === 'string' && PATTERNS[kind].test(value);
}

/**
 * The family of the session that a drf-authentify refresh token is exchanged into. Such a token has no family part,
 * so one is derived: every later token of the session carries it, and the old one can always be told to belong there
 * (R34). From the digest in the database nobody can derive it.
 */
export function familyOfDrfAuthentifyToken(refreshToken: string): string {
  return encodeFamily(Buffer.from(hkdfSync('sha256', refreshToken, '', 'nestjs-authentify/1/family', FAMILY_BYTES)));
}
