import type { QueryRunner } from 'typeorm';
import { dataSourceOf } from '../../store/drivers/typeorm-internals.js';

/** SQL with its parameters. */
export interface Statement {
  sql: string;
  parameters: unknown[];
}

/** A table or column as SQL names it, whatever schema it is in. */
export function tablePath(queryRunner: QueryRunner, name: string): string {
  const { driver } = dataSourceOf(queryRunner);
  return name
    .split('.')
    .map((part) => driver.escape(part))
    .join('.');
}

/** One `INSERT` for all rows, which have the same columns. */
export function insertStatement(
  queryRunner: QueryRunner,
  table: string,
  rows: readonly Record<string, unknown>[],
): Statement {
  const { driver } = dataSourceOf(queryRunner);
  const columns = Object.keys(rows[0] ?? {});
  const parameters = rows.flatMap((row) => columns.map((column) => row[column]));
  const tuples = rows.map(
    (_, row) =>
      `(${columns.map((name, column) => driver.createParameter(name, row * columns.length + column)).join(', ')})`,
  );
  const names = columns.map((column) => driver.escape(column)).join(', ');
  return { sql: `INSERT INTO ${tablePath(queryRunner, table)} (${names}) VALUES ${tuples.join(', ')}`, parameters };
}

/** Which of these ids are there already. */
export async function knownIds(queryRunner: QueryRunner, table: string, ids: readonly string[]): Promise<Set<string>> {
  const { driver } = dataSourceOf(queryRunner);
  const list = ids.map((_, index) => driver.createParameter('id', index)).join(', ');
  const found = (await queryRunner.query(`SELECT id FROM ${tablePath(queryRunner, table)} WHERE id IN (${list})`, [
    ...ids,
  ])) as { id: string }[];
  return new Set(found.map(({ id }) => id));
}
