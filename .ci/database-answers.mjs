// Asks a database as the tests do: node .ci/database-answers.mjs postgres|mariadb
import mysql from 'mysql2/promise';
import { Client } from 'pg';

const host = '127.0.0.1';
const ask = {
  async postgres() {
    const client = new Client({
      host,
      port: 5432,
      user: 'postgres',
      database: 'test',
      connectionTimeoutMillis: 5000,
    });
    await client.connect();
    const { rows } = await client.query('SELECT version() AS version');
    await client.end();
    return rows[0].version;
  },
  async mariadb() {
    const connection = await mysql.createConnection({
      host,
      port: 3306,
      user: 'root',
      database: 'test',
      connectTimeout: 5000,
    });
    const [rows] = await connection.query('SELECT version() AS version');
    await connection.end();
    return `MariaDB ${rows[0].version}`;
  },
};

const [name] = process.argv.slice(2);
try {
  console.log(`${name} answers: ${await ask[name]()}`);
} catch (error) {
  console.log(`${name} does not answer on ${host} as the tests ask: ${error.code ?? ''} ${error.message}`);
  process.exit(1);
}
