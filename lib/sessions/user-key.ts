import type { UserId } from './entities/abstract-auth-token.js';

/** Takes no notice of letter case, accents, width, kana, spaces and punctuation (UTS #10, primary strength). */
const LOOSEST = new Intl.Collator('und', { sensitivity: 'base', ignorePunctuation: true });

/**
 * Whether two keys may be one user's under some collation. Keys that differ here are two users' to every database; of
 * others only the database can tell.
 */
export function mayBeSameKey(key: UserId | undefined, other: UserId | undefined): boolean {
  return key === other || LOOSEST.compare(String(key), String(other)) === 0;
}
