import { createRequire } from 'node:module';
import { DataSource } from 'typeorm';
import { ENTITIES } from './entities.mjs';

/** The copy that TypeORM uses too, whatever else is installed beside the benchmarks. */
export const pg = createRequire(new URL('../../package.json', import.meta.url))('pg');

/** `PGPORT` names another server: what counts the bytes of its log needs one that nobody else writes to. */
const SERVER = { host: '127.0.0.1', port: Number(process.env.PGPORT ?? 5432), database: 'test' };

/** Options of a `pg` pool; clients stay, so that their statements stay prepared and their CPU time can be read. */
export function poolOptions(schema, name = 'authentify_bench') {
  return {
    ...SERVER,
    user: 'postgres',
    max: 10,
    idleTimeoutMillis: 60_000,
    application_name: name,
    options: `-c search_path=${schema}`,
  };
}

/** Options of a TypeORM data source whose pool is as that one. */
export function dataSourceOptions(schema, name) {
  const { max, idleTimeoutMillis, application_name, options } = poolOptions(schema, name);
  return {
    ...SERVER,
    type: 'postgres',
    username: 'postgres',
    schema,
    entities: ENTITIES,
    extra: { max, idleTimeoutMillis, application_name, options },
  };
}

/** Runs a piece of work with a schema of its own that has the tables, and drops it afterwards. */
export async function withSchema(label, work) {
  const schema = `authentify_bench_${label}_${process.pid}`;
  const client = new pg.Client(poolOptions(schema));
  await client.connect();
  try {
    await client.query(`CREATE SCHEMA ${schema}`);
    const dataSource = await new DataSource({ ...dataSourceOptions(schema), synchronize: true }).initialize();
    await dataSource.destroy();
    return await work(schema, client);
  } finally {
    await client.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await client.end();
  }
}

export async function postgresVersion() {
  const client = new pg.Client(poolOptions('public'));
  await client.connect();
  const { rows } = await client.query('SHOW server_version');
  await client.end();
  return rows[0].server_version.split(' ')[0];
}
