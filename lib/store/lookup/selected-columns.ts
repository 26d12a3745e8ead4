import { NotCompilableError } from './plain-entity.js';

/** A name in quotes, or brackets with what is in them, to which commas may belong. */
const ENCLOSED = String.raw`"[^"]*"|\`[^\`]*\`|\((?:[^()]|\([^()]*\))*\)`;
/** What is selected, after the comment that an app may put first, up to the first FROM that is no name. */
const SELECTED = new RegExp(String.raw`^(?:/\*.*?\*/\s*)?SELECT ((?:${ENCLOSED}|(?! FROM )[^"\`(])*) FROM `, 's');
const ITEM = new RegExp(String.raw`(?:${ENCLOSED}|[^,"\`(])+`, 'g');
const NAMED = /^ ?\S.* AS (["`])(\w+)\1$/s;

/**
 * The names of the columns that a SELECT of TypeORM's gives, in the order in which they are in its rows.
 *
 * @throws NotCompilableError where that cannot be said for sure: values would end up in the wrong properties.
 */
export function selectedIn(sql: string): string[] {
  const items = SELECTED.exec(sql)?.[1]?.match(ITEM) ?? [];
  const names = items.map((item) => NAMED.exec(item)?.[2]);
  if (names.length === 0 || names.includes(undefined) || new Set(names).size !== names.length)
    throw new NotCompilableError('TypeORM writes the statement in another way than is known');
  return names as string[];
}
