import { insertPostgres, makeSessions } from './sessions.mjs';

const DAY = 86_400_000;

/** SQL of rows like a login's, but with digests of nothing: `n` is their number, `:from` and `:to` its range. */
const ROWS = {
  postgres: `
    INSERT INTO auth_tokens (id, user_id, auth_type, context, created_at, last_refreshed_at, expires_at, refresh_until,
      prune_at, access_token_hash, refresh_token_hash, refresh_family_hash)
    SELECT substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7' || substr(digest, 1, 3) || '-8' || substr(digest, 4, 3) ||
      '-' || substr(digest, 7, 12), 1 + n % :users, 'header', '{"device":"Firefox on Linux"}', at, at, at + ${DAY},
      at + ${7 * DAY}, ceil((at + ${7 * DAY}) / 3600000.0) * 3600000, digest || digest, md5(digest) || digest, md5('family' || digest) || digest
    FROM (SELECT n, at, lpad(to_hex(at), 12, '0') AS hex, md5(n::text) AS digest
      FROM (SELECT n, :start::bigint + n * :every AS at FROM generate_series(:from, :to) AS n) AS one) AS two`,
  mariadb: `
    INSERT INTO auth_tokens (id, user_id, auth_type, context, created_at, last_refreshed_at, expires_at, refresh_until,
      prune_at, access_token_hash, refresh_token_hash, refresh_family_hash)
    SELECT concat(substr(hex, 1, 8), '-', substr(hex, 9, 4), '-7', substr(digest, 1, 3), '-8', substr(digest, 4, 3), '-',
      substr(digest, 7, 12)), 1 + n % :users, 'header', '{"device":"Firefox on Linux"}', at, at, at + ${DAY},
      at + ${7 * DAY}, ceil((at + ${7 * DAY}) / 3600000) * 3600000, concat(digest, digest), concat(md5(digest), digest),
      concat(md5(concat('family', digest)), digest)
    FROM (SELECT seq AS n, :start + seq * :every AS at, lpad(hex(:start + seq * :every), 12, '0') AS hex, md5(seq) AS digest
      FROM seq_:from_to_:to) AS one`,
};

/** The statement that inserts rows of these numbers, one login every so many milliseconds from `start` on. */
export function bulkSql(kind, { from, to, users, start, every = 1 }) {
  const values = { from, to, users, start, every };
  return ROWS[kind].replaceAll(/:(from|to|users|start|every)/g, (_, name) => values[name]);
}

/**
 * Fills a schema with users and very many sessions, one login every so many milliseconds from `start` on, the real ones
 * spread among the others; indexes are made at the end.
 *
 * @returns the access tokens of the real ones.
 */
export async function fillLarge(client, { sessions, real, users, start = Date.now(), every = 1 }) {
  await client.query(
    `INSERT INTO users (id, email, name, password_hash)
     SELECT n, 'user' || n || '@example.com', 'User ' || n, '$2b$12$' || md5(n::text) FROM generate_series(1, ${users}) AS n`,
  );
  const indexes = await client.query(
    `SELECT indexrelid::regclass AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index
     WHERE indrelid = 'auth_tokens'::regclass AND NOT indisprimary`,
  );
  for (const { name } of indexes.rows) await client.query(`DROP INDEX ${name}`);
  const tokens = [];
  const chunks = Math.max(1, Math.round(sessions / 100_000));
  const bulk = (sessions - real) / chunks;
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const from = Math.round(chunk * bulk);
    const to = Math.round((chunk + 1) * bulk) - 1;
    if (to >= from) await client.query(bulkSql('postgres', { from, to, users, start, every }));
    const made = makeSessions(Math.round(real / chunks), users, start + to * every);
    await insertPostgres(client, made.rows);
    tokens.push(...made.tokens);
  }
  for (const { definition } of indexes.rows) await client.query(definition);
  await client.query('VACUUM ANALYZE auth_tokens');
  await client.query('ANALYZE users');
  return tokens;
}
