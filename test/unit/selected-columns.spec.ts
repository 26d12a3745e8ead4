import { describe, expect, it } from 'vitest';
import { selectedIn } from '../../lib/store/lookup/compiled-entity.js';

describe('a SELECT whose rows are read by place', () => {
  it.each([
    ['TypeORM 1', 'SELECT "token"."id" AS "c0", "r1"."id" AS "c1" FROM "auth_tokens" "token"', ['c0', 'c1']],
    ['TypeORM 0.3', 'SELECT `token`.`id` AS `c1`, `token`.`hash` AS `c0` FROM `auth_tokens` `token`', ['c1', 'c0']],
    ['a comment', '/* SELECT FROM the primary */ SELECT "token"."id" AS "c0" FROM "t" "token"', ['c0']],
    [
      'functions',
      'SELECT ST_AsGeoJSON("t"."p", max(1, 2))::json AS "c0", json("t"."j") AS "c1" FROM "t"',
      ['c0', 'c1'],
    ],
    ['odd names', 'SELECT "t"."a, b AS ""c7"" FROM" AS "c0", "t"."b" AS "c1" FROM "t" WHERE 1 IN (1, 2)', ['c0', 'c1']],
  ])('gives the columns in its own order: %s', (_name, sql, columns) => {
    expect(selectedIn(sql)).toEqual(columns);
  });

  it.each([
    ['one column twice', 'SELECT `t`.`id` AS `c0`, `t`.`id` AS `c0` FROM `t`'],
    ['one without a name, first', 'SELECT "t"."x", "t"."id" AS "c0" FROM "t"'],
    ['one without a name, last', 'SELECT "t"."id" AS "c0", count(*) FROM "t"'],
    ['everything', 'SELECT * FROM "t"'],
    ['another clause', 'SELECT DISTINCT ON ("t"."id") FROM "t"'],
    ['brackets that are not understood', 'SELECT a(b(c(d))) AS "c0" FROM "t"'],
    ['no SELECT', 'WITH x AS (SELECT 1) SELECT "t"."id" AS "c0" FROM "t"'],
  ])('is refused where values might end up in the wrong properties: %s', (_name, sql) => {
    expect(() => selectedIn(sql)).toThrow('in an unknown form');
  });
});
