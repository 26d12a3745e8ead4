import { describe, expect, it } from 'vitest';
import { canonicalUuid, timeOf, uuidAt } from '../../lib/sessions/uuid.js';

const CANONICAL = '019b7e0b-3f1a-7c2d-8e4f-0123456789ab';

describe('a UUID in another spelling', () => {
  it.each([
    ['as databases write it', CANONICAL],
    ['in capitals, as iOS writes it', CANONICAL.toUpperCase()],
    ['in mixed case', '019B7e0b-3F1a-7c2D-8e4f-0123456789aB'],
    ['in braces, as .NET writes it', `{${CANONICAL}}`],
    ['in braces and capitals', `{${CANONICAL.toUpperCase()}}`],
    ['without hyphens', CANONICAL.replaceAll('-', '')],
    ['in braces without hyphens', `{${CANONICAL.replaceAll('-', '')}}`],
  ])('is the same: %s', (_, text) => {
    expect(canonicalUuid(text)).toBe(CANONICAL);
  });

  it.each([
    ['nothing', ''],
    ['a word', 'latest'],
    ['with a brace too few', `{${CANONICAL}`],
    ['with too many braces', `{{${CANONICAL}}}`],
    ['with a space', ` ${CANONICAL}`],
    ['with a line end', `${CANONICAL}\n`],
    ['too long', `${CANONICAL}0`],
    ['too short', CANONICAL.slice(1)],
    ['with a letter that is no digit', CANONICAL.replace('a', 'g')],
    ['with an accent', CANONICAL.replace('a', 'á')],
    ['a number', 7],
    ['undefined', undefined],
    ['null', null],
    ['an object', { toString: () => CANONICAL }],
    ['an array', [CANONICAL]],
  ])('is none: %s', (_, text) => {
    expect(canonicalUuid(text)).toBeNull();
  });
});

describe('new UUIDs', () => {
  it('RFC 9562 §6.2: sort in the order in which they were made, also within a millisecond', () => {
    const times = [1_700_000_000_000, 1_700_000_000_001].flatMap((time) => Array.from({ length: 500 }, () => time));
    const made = times.map((time) => uuidAt(time));
    expect(made.toSorted()).toEqual(made);
    expect(made.map(timeOf)).toEqual(times);
    expect(made.map(canonicalUuid)).toEqual(made);
  });
});
