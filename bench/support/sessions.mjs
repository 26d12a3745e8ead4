import { hash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { OpaqueTokenFormat, randomFamily, randomSecret } from '../../dist/sessions/token-format.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const format = new OpaqueTokenFormat('af');

/** The columns of a session's row, in the order of {@link makeSessions}. */
export const COLUMNS = [
  'id',
  'user_id',
  'auth_type',
  'context',
  'created_at',
  'last_refreshed_at',
  'expires_at',
  'refresh_until',
  'prune_at',
  'access_token_hash',
  'refresh_token_hash',
  'refresh_family_hash',
];

/** Live sessions as a login makes them, with their access tokens. */
export function makeSessions(count, users, now = Date.now()) {
  const made = Array.from({ length: count }, (_, index) => {
    const access = format.access(randomSecret());
    const family = randomFamily();
    const row = [
      uuidv7({ msecs: now }),
      1 + (index % users),
      'header',
      '{"device":"Firefox on Linux"}',
      now,
      now,
      now + DAY,
      now + 7 * DAY,
      Math.ceil((now + 7 * DAY) / HOUR) * HOUR,
      hash('sha256', access),
      hash('sha256', format.refresh(family, randomSecret())),
      hash('sha256', family),
    ];
    return { access, row };
  });
  return { tokens: made.map(({ access }) => access), rows: made.map(({ row }) => row) };
}

/** Fills PostgreSQL with users and with sessions; returns the sessions' access tokens. */
export async function fillPostgres(client, { users, sessions }) {
  await client.query(
    `INSERT INTO users (id, email, name, password_hash)
     SELECT n, 'user' || n || '@example.com', 'User ' || n, '$2b$12$' || md5(n::text) FROM generate_series(1, ${users}) AS n
     ON CONFLICT DO NOTHING`,
  );
  const { tokens, rows } = makeSessions(sessions, users);
  await insertPostgres(client, rows);
  await client.query('ANALYZE users, auth_tokens');
  return tokens;
}

const TYPES = { user_id: 'int', created_at: 'bigint', last_refreshed_at: 'bigint', expires_at: 'bigint' };
Object.assign(TYPES, { refresh_until: 'bigint', prune_at: 'bigint' });

export async function insertPostgres(client, rows) {
  const arrays = COLUMNS.map((column, index) => `$${index + 1}::${TYPES[column] ?? 'text'}[]`);
  for (let start = 0; start < rows.length; start += 10_000) {
    const batch = rows.slice(start, start + 10_000);
    const values = COLUMNS.map((_, column) => batch.map((row) => row[column]));
    await client.query(`INSERT INTO auth_tokens (${COLUMNS.join()}) SELECT * FROM unnest(${arrays.join()})`, values);
  }
}
