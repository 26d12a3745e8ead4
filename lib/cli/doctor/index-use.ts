import type { QueryRunner } from 'typeorm';
import type { OpenedRegistration } from '../registration.js';

/** Whether the database would find rows by this column through an index, as it says itself. */
type Explainer = (
  queryRunner: QueryRunner,
  query: [sql: string, parameters: unknown[]],
  column: string,
) => Promise<boolean>;

const sqlite: Explainer = async (queryRunner, [sql, parameters]) => {
  const plan = await queryRunner.query(`EXPLAIN QUERY PLAN ${sql}`, parameters);
  return /USING (?:COVERING )?INDEX/.test(JSON.stringify(plan));
};
const mysql: Explainer = async (queryRunner, [sql, parameters]) => {
  const plan = (await queryRunner.query(`EXPLAIN ${sql}`, parameters)) as { possible_keys: string | null }[];
  return plan.every((step) => step.possible_keys !== null);
};
/** A small table is read as a whole for good reason, so that way is closed while asking. */
const postgres: Explainer = async (queryRunner, [sql, parameters], column) => {
  await queryRunner.query('SET enable_seqscan = off');
  try {
    const plan = JSON.stringify(await queryRunner.query(`EXPLAIN (FORMAT JSON) ${sql}`, parameters));
    return new RegExp(`"Index Cond":"[^"]*${column}`).test(plan);
  } finally {
    await queryRunner.query('RESET enable_seqscan');
  }
};
const EXPLAINERS: Record<string, Explainer> = {
  postgres,
  mariadb: mysql,
  mysql,
  sqlite,
  sqljs: sqlite,
  'better-sqlite3': sqlite,
};

/** The look-ups that must never walk the table; of two values, because planners know the answer to one. */
const LOOK_UPS: Record<string, string> = {
  accessTokenHash: "token.accessTokenHash IN ('0', '1')",
  refreshFamilyHash: "token.refreshFamilyHash IN ('0', '1')",
  rotationSalt: "token.rotationSalt > ''",
  pruneAt: 'token.pruneAt <= 0',
};

/** Columns whose index the database would not use. */
export async function unusedIndexes(
  queryRunner: QueryRunner,
  { dataSource, rows }: OpenedRegistration,
): Promise<string[]> {
  const uses = EXPLAINERS[dataSource.options.type];
  if (!uses) return [];
  const unused: string[] = [];
  for (const [property, condition] of Object.entries(LOOK_UPS)) {
    const column = rows.metadata.findColumnWithPropertyName(property)?.databaseName ?? property;
    const query = rows.createQueryBuilder('token').select('token.id').where(condition).getQueryAndParameters();
    if (!(await uses(queryRunner, query, column))) unused.push(column);
  }
  return unused;
}
