import { hash, randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

/**
 * What everything is held against: the same work with nothing in between. One prepared statement with the columns
 * that the library reads or writes, and the checks that cannot be left out.
 */
const SELECTED = `t.id, t.auth_type, t.context, t.created_at, t.last_refreshed_at, t.expires_at, t.refresh_until,
  t.session_expires_at, t.rotated_at, t.revoked_at, t.revoked_reason, t.user_id, t.access_token_hash,
  u.id AS u_id, u.email AS u_email, u.name AS u_name, u.password_hash AS u_password_hash, u.is_active AS u_is_active`;

/** @param placeholder of the digest: `$1` or `?`. */
export const selectSql = (placeholder) =>
  `SELECT ${SELECTED} FROM auth_tokens t LEFT JOIN users u ON u.id = t.user_id WHERE t.access_token_hash = ${placeholder}`;

const SELECT = selectSql('$1');
const INSERT = `INSERT INTO auth_tokens (id, user_id, auth_type, context, created_at, last_refreshed_at, expires_at,
  refresh_until, session_expires_at, rotated_at, revoked_at, revoked_reason, access_token_hash, refresh_token_hash,
  refresh_family_hash, previous_refresh_token_hash, rotation_salt, prune_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`;
const UPDATE = `UPDATE auth_tokens SET access_token_hash = $1, refresh_token_hash = $2, previous_refresh_token_hash = $3,
  rotated_at = $4, last_refreshed_at = $4, expires_at = $5, refresh_until = $6, prune_at = $6
  WHERE refresh_family_hash = $7 AND refresh_token_hash = $3 AND revoked_at IS NULL AND refresh_until > $4`;

const DAY = 86_400_000;
const digest = (value) => hash('sha256', value);
const secret = (bytes) => randomBytes(bytes).toString('base64url');

/** The access token in an `Authorization` header, or an empty string. */
export function bearerOf(authorization) {
  return authorization?.startsWith('Bearer ') ? authorization.slice(7) : '';
}

/** The row of a live session, or nothing; of any driver. */
export function liveRow(row) {
  const now = Date.now();
  if (!row || row.revoked_at !== null || !row.u_is_active) return undefined;
  return now < Number(row.expires_at) ? row : undefined;
}

export async function verify(pool, token) {
  const { rows } = await pool.query({ name: 'verify', text: SELECT, values: [digest(token)] });
  return liveRow(rows[0]);
}

export async function login(pool, userId) {
  const now = Date.now();
  const family = secret(16);
  const pair = { accessToken: secret(32), refreshToken: `${family}.${secret(32)}` };
  const digests = [digest(pair.accessToken), digest(pair.refreshToken), digest(family), null, null];
  const session = [uuidv7({ msecs: now }), userId, 'header', '{}', now, now, now + DAY, now + 7 * DAY];
  const values = [...session, null, null, null, null, ...digests, now + 7 * DAY];
  await pool.query({ name: 'login', text: INSERT, values });
  return pair;
}

export async function refresh(pool, presented) {
  const now = Date.now();
  const [family = ''] = presented.split('.');
  const pair = { accessToken: secret(32), refreshToken: `${family}.${secret(32)}` };
  const digests = [digest(pair.accessToken), digest(pair.refreshToken), digest(presented)];
  const values = [...digests, now, now + DAY, now + 7 * DAY, digest(family)];
  const { rowCount } = await pool.query({ name: 'refresh', text: UPDATE, values });
  return rowCount === 1 ? pair : undefined;
}
