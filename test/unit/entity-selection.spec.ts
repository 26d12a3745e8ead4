import { describe, expect, it } from 'vitest';
import { inOrder } from '../../lib/tokens/lookup/entity-selection.js';

describe('a SELECT whose rows are read by place', () => {
  it('is taken as TypeORM wrote it', () => {
    const sql = 'SELECT "token"."id" AS "c0", "r1"."id" AS "c1" FROM "auth_tokens" "token"';
    expect(inOrder(sql)).toBe(sql);
    expect(inOrder('SELECT `token`.`id` AS `c0`, `r1`.`id` AS `c1`')).toMatch('c1');
  });

  it.each(['SELECT "id" AS "c1", "name" AS "c0"', 'SELECT `id` AS `c0`, `name` AS `c2`, `id` AS `c0`'])(
    'is refused in another order, which would give an entity the values of others: %s',
    (sql) => expect(() => inOrder(sql)).toThrow('in another order'),
  );
});
