import { createHmac, randomBytes } from 'node:crypto';
import { Controller, Get, Module, UnauthorizedException } from '@nestjs/common';
import connectPgSimple from 'connect-pg-simple';
import session from 'express-session';
import { decorate } from '../support/decorate.mjs';
import { pg, poolOptions } from '../support/postgres.mjs';

const SECRET = 'a secret of the benchmarks';
const TABLE = 'web_sessions';
const MAX_AGE = 86_400_000;

/** express-session with connect-pg-simple as it comes: it reads the session, and moves its end, at each request. */
export async function define({ schema, name }) {
  const pool = new pg.Pool(poolOptions(schema, name));

  class SessionController {
    me(request) {
      if (!request.session.userId) throw new UnauthorizedException();
      return { id: request.session.userId };
    }
  }
  decorate(SessionController, { me: [Get('me')] }, Controller());

  class SessionModule {}
  Module({ controllers: [SessionController] })(SessionModule);
  const configure = (app) => {
    const store = new (connectPgSimple(session))({
      pool,
      schemaName: schema,
      tableName: TABLE,
      pruneSessionInterval: false,
    });
    app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false, cookie: { maxAge: MAX_AGE } }));
  };
  return { module: SessionModule, configure, credentials: await logIn(pool) };
}

async function logIn(pool, count = 5_000) {
  await pool.query(
    `CREATE TABLE ${TABLE} (sid varchar PRIMARY KEY, sess json NOT NULL, expire timestamp(6) NOT NULL);
     CREATE INDEX ON ${TABLE} (expire)`,
  );
  const ids = Array.from({ length: count }, () => randomBytes(24).toString('base64url'));
  const cookie = { originalMaxAge: MAX_AGE, expires: new Date(Date.now() + MAX_AGE), httpOnly: true, path: '/' };
  const rows = ids.map((_, index) =>
    JSON.stringify({ cookie, userId: index + 1, email: `user${index + 1}@example.com` }),
  );
  await pool.query(
    `INSERT INTO ${TABLE} SELECT sid, sess::json, now() + interval '1 day' FROM unnest($1::text[], $2::text[]) AS t (sid, sess)`,
    [ids, rows],
  );
  await pool.query(`ANALYZE ${TABLE}`);
  return ids.map((id) => {
    const signature = createHmac('sha256', SECRET).update(id).digest('base64').replace(/=+$/, '');
    return `cookie: connect.sid=${encodeURIComponent(`s:${id}.${signature}`)}`;
  });
}
