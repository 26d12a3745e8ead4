import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drfAuthentifyTokens } from 'nestjs-authentify/migrations';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { type DigestForm, TokenDigester, TokenSecrets } from '../../lib/sessions/token-secrets.js';
import {
  encodeFamily,
  familyOfLegacyToken,
  OpaqueTokenFormat,
  type TokenKind,
} from '../../lib/sessions/token-format.js';

interface ValidToken {
  kind: TokenKind;
  prefix: string;
  /** Hex, as are all bytes in the vectors. */
  secret: string;
  family?: string;
  familyPart?: string;
  token: string;
}
interface InvalidToken {
  kind: TokenKind;
  prefixes: string[];
  value: string;
  reason: string;
  why: string;
}
interface Digest {
  value: string;
  algorithm: DigestForm['algorithm'];
  key: string | null;
  digest: string;
}
interface Successor {
  presented: string;
  salt: string;
  sessionId: string;
  key: string | null;
  prefix: string;
  accessSecret: string;
  refreshSecret: string;
  accessToken: string;
  refreshToken: string;
}

const { valid, invalid } = read<{ valid: ValidToken[]; invalid: InvalidToken[] }>('tokens');
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const formWith = (algorithm: DigestForm['algorithm'], key: string | null): DigestForm => ({
  algorithm,
  key: key === null ? null : createSecretKey(key, 'utf8'),
});

// Made by vectors/make.py, which shares no line with lib. Clients in other languages rely on them: what turns these tests
// red turns them away.
describe('the test vectors', () => {
  it.each(valid)('R2: give the $kind token of $prefix with the secret $secret', (vector) => {
    const { kind, prefix, secret, family, familyPart, token } = vector;
    const format = new OpaqueTokenFormat(prefix);
    expect(format.isWellFormed(kind, token)).toBe(true);
    if (family === undefined) {
      expect(format.access(bytes(secret))).toBe(token);
    } else {
      expect(format.refresh(encodeFamily(bytes(family)), bytes(secret))).toBe(token);
      expect(format.familyOf(token)).toBe(familyPart);
    }
  });

  it.each(invalid)('R2, R16: refuse as $kind token for its $reason: $why', ({ kind, prefixes, value, reason }) => {
    expect(new OpaqueTokenFormat(...prefixes).isWellFormed(kind, value)).toBe(false);
    expect(firstBrokenRule(kind, prefixes, value)).toBe(reason);
  });

  it.each(read<Digest[]>('digests'))('R3: give the $algorithm of $value with the key $key', (vector) => {
    const { value, algorithm, key, digest } = vector;
    const form = formWith(algorithm, key);
    expect(new TokenDigester([algorithm], [form.key]).digest(value, form)).toBe(digest);
  });

  it.each(read<Successor[]>('successors'))(
    'R32: give the pair after a refresh of $prefix, session $sessionId, key $key, salt $salt',
    ({ presented, salt, sessionId, key, prefix, accessSecret, refreshSecret, accessToken, refreshToken }) => {
      const form = formWith('sha256', key);
      const family = new OpaqueTokenFormat(prefix).familyOf(presented);

      const secrets = new TokenDigester(['sha256'], [form.key]).successorSecrets(presented, { form, salt, sessionId });
      const pair = new TokenSecrets(resolveOptions({ tokenPrefix: prefix })).successor({
        presented: { raw: presented, family },
        salt,
        form,
        sessionId,
      });

      expect(secrets).toEqual({ access: bytes(accessSecret), refresh: bytes(refreshSecret) });
      expect(pair).toEqual({ access: accessToken, refresh: refreshToken });
    },
  );

  it.each(read<{ refreshToken: string; familyPart: string }[]>('drf-authentify'))(
    'R34: give the family of $refreshToken of drf-authentify',
    ({ refreshToken, familyPart }) => {
      expect(drfAuthentifyTokens.isRefreshToken(refreshToken)).toBe(true);
      expect(familyOfLegacyToken(refreshToken)).toBe(familyPart);
    },
  );
});

/** Reads a value from left to right; whatever is left at the end can only fail its checksum. */
function firstBrokenRule(kind: TokenKind, prefixes: string[], value: string): string {
  const [prefix = '', mark, digits = ''] = value.split('_');
  if (!prefixes.includes(prefix)) return 'prefix';
  if (mark !== (kind === 'access' ? 'at' : 'rt')) return 'kind';
  if (digits.length !== (kind === 'access' ? 49 : 71)) return 'length';
  return /^[0-9A-Za-z]+$/.test(digits) ? 'checksum' : 'alphabet';
}

function read<T>(name: string): T {
  return JSON.parse(readFileSync(fileURLToPath(new URL(`../../vectors/${name}.json`, import.meta.url)), 'utf8')) as T;
}
