import { openTokens } from '../support/app.mjs';
import { bulkSql, fillLarge } from '../support/bulk.mjs';
import { fillUsers, insertMariadb, mariadbOptions, withDatabase } from '../support/mariadb.mjs';
import { dataSourceOptions, withSchema } from '../support/postgres.mjs';
import { table } from '../support/report.mjs';
import { makeSessions } from '../support/sessions.mjs';

const DAY = 86_400_000;
const USERS = 100_000;
const DUE = 2_000;
const LIMIT = 5;

/** What the databases say of the statements this library sends, with a million rows. */
export async function plans(isQuick) {
  const count = isQuick ? 100_000 : 1_000_000;
  const sections = [await onPostgres(count), await onMariadb(count)];
  return { title: `Query plans with ${count.toLocaleString('en')} rows`, markdown: sections.join('\n\n') };
}

/** Does everything that looks something up, and returns the statements that were sent for it, by what they are for. */
async function collect(dataSource) {
  const sent = [];
  const logger = { logQuery: (sql, parameters = []) => sent.push({ sql, parameters: [...parameters] }) };
  for (const name of ['logQueryError', 'logQuerySlow', 'logSchemaBuild', 'logMigration', 'log'])
    logger[name] = () => {};
  const app = await openTokens({ ...dataSource, logger }, { maxSessionsPerUser: LIMIT });
  try {
    const during = async (work) => {
      sent.length = 0;
      return { answer: await work(), statements: [...sent] };
    };
    // One more than the limit.
    for (let session = 1; session < LIMIT; session += 1) await app.tokens.generateHeaderToken(7);
    const { accessToken } = await app.tokens.generateHeaderToken(7);
    const login = await during(() => app.tokens.generateHeaderToken(7));
    const [newest, , surplus, end] = login.statements;
    const verified = await during(() => app.tokens.verifyToken(accessToken));
    const refreshed = await during(() => app.tokens.refreshToken(login.answer.refreshToken));
    const listed = await during(() => app.tokens.listUserTokens(7));
    const pruned = await during(() => app.tokens.revokeExpiredTokens());
    const [prunable, drop] = pruned.statements;
    return {
      'look-up by access digest': verified.statements[0],
      'look-up by refresh family': refreshed.statements[0],
      rotation: refreshed.statements[1],
      'session limit: newest id': newest,
      'session limit: surplus': surplus,
      'session limit: end': end,
      'list of sessions': listed.statements[0],
      'prune: what is due': prunable,
      'prune: delete': drop,
    };
  } finally {
    await app.close();
  }
}

/** Index names say nothing; their columns do. */
function withColumns(steps, indexes) {
  const named = ({ name }) => name !== 'PRIMARY';
  return indexes.filter(named).reduce((text, { name, columns }) => text.replaceAll(name, columns), steps.join('<br>'));
}

function onPostgres(count) {
  return withSchema('plans', async (schema, client) => {
    await fillLarge(client, { sessions: count, real: 1_000, users: USERS });
    await client.query(
      bulkSql('postgres', { from: count, to: count + DUE - 1, users: USERS, start: Date.now() - 30 * DAY }),
    );
    await client.query('ANALYZE auth_tokens');
    const { rows: indexes } = await client.query(
      `SELECT relname AS name, substring(pg_get_indexdef(indexrelid) FROM '\\(.*\\)') AS columns
       FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid IN ('auth_tokens'::regclass, 'users'::regclass)`,
    );
    const plansOf = [];
    for (const [name, { sql, parameters }] of Object.entries(await collect(dataSourceOptions(schema)))) {
      const { rows } = await client.query(`EXPLAIN (COSTS OFF) ${sql}`, parameters);
      const lines = rows.map((row) => row['QUERY PLAN'].replaceAll(`${schema}.`, ''));
      const isScanned = lines.some((line) => line.includes('Seq Scan on auth_tokens'));
      const steps = lines
        .map((line) => line.trim().replace(/^->\s*/, ''))
        .filter((line) => /Scan|Limit|Sort|Join|Loop/.test(line));
      plansOf.push([name, withColumns(steps, indexes), isScanned ? '**no**' : 'yes']);
    }
    return `PostgreSQL:\n\n${table(['statement', 'plan', 'by index'], plansOf, '---')}`;
  });
}

function onMariadb(count) {
  return withDatabase('plans', async (database, client) => {
    await fillUsers(client, USERS);
    const start = Date.now();
    await client.query('SET unique_checks = 0, foreign_key_checks = 0');
    for (let from = 0; from < count; from += 100_000) {
      await client.query(bulkSql('mariadb', { from, to: from + 99_999, users: USERS, start }));
    }
    await client.query(bulkSql('mariadb', { from: count, to: count + DUE - 1, users: USERS, start: start - 30 * DAY }));
    await insertMariadb(client, makeSessions(1_000, USERS).rows);
    await client.query('ANALYZE TABLE auth_tokens');
    const [indexes] = await client.query(
      `SELECT index_name AS name, concat('(', group_concat(column_name ORDER BY seq_in_index SEPARATOR ', '), ')') AS columns
       FROM information_schema.statistics WHERE table_schema = ? GROUP BY table_name, index_name`,
      [database],
    );
    const plansOf = [];
    for (const [name, { sql, parameters }] of Object.entries(await collect(mariadbOptions(database)))) {
      const [rows] = await client.query(`EXPLAIN ${sql}`, parameters);
      const steps = rows.map(
        (row) => `${row.table}: ${row.type}, key ${row.key}, rows ${row.rows}; ${row.Extra ?? ''}`,
      );
      plansOf.push([name, withColumns(steps, indexes), rows.some(({ key }) => key === null) ? '**no**' : 'yes']);
    }
    return `MariaDB:\n\n${table(['statement', 'EXPLAIN', 'by index'], plansOf, '---')}`;
  });
}
