import mysql from 'mysql2/promise';
import { DataSource } from 'typeorm';
import { ENTITIES } from './entities.mjs';
import { COLUMNS } from './sessions.mjs';

const SERVER = { host: '127.0.0.1', port: 3306 };

export const mariadbPool = (database) => mysql.createPool({ ...SERVER, user: 'root', database, connectionLimit: 10 });

export function mariadbOptions(database) {
  return {
    ...SERVER,
    type: 'mariadb',
    username: 'root',
    database,
    entities: ENTITIES,
    extra: { connectionLimit: 10 },
  };
}

/** Runs a piece of work with a database of its own that has the tables, and drops it afterwards. */
export async function withDatabase(label, work) {
  const database = `authentify_bench_${label}_${process.pid}`;
  const client = await mysql.createConnection({ ...SERVER, user: 'root', multipleStatements: true });
  try {
    await client.query(`CREATE DATABASE ${database}`);
    await client.query(`USE ${database}`);
    const dataSource = await new DataSource({ ...mariadbOptions(database), synchronize: true }).initialize();
    await dataSource.destroy();
    return await work(database, client);
  } finally {
    await client.query(`DROP DATABASE IF EXISTS ${database}`);
    await client.end();
  }
}

export async function fillUsers(client, users) {
  await client.query(
    `INSERT INTO users (id, email, name, password_hash)
     SELECT seq, concat('user', seq, '@example.com'), concat('User ', seq), concat('$2b$12$', md5(seq)) FROM seq_1_to_${users}`,
  );
}

export async function insertMariadb(client, rows) {
  for (let start = 0; start < rows.length; start += 1_000) {
    await client.query(`INSERT INTO auth_tokens (${COLUMNS.join()}) VALUES ?`, [rows.slice(start, start + 1_000)]);
  }
}

export async function mariadbVersion() {
  const client = await mysql.createConnection({ ...SERVER, user: 'root' });
  const [rows] = await client.query('SELECT version() AS version');
  await client.end();
  return rows[0].version.split('-')[0];
}
