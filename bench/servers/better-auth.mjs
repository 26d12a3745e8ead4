import { createHmac, randomBytes } from 'node:crypto';
import { Controller, Get, Module, UnauthorizedException, UseGuards } from '@nestjs/common';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { fromNodeHeaders } from 'better-auth/node';
import { decorate } from '../support/decorate.mjs';
import { pg, poolOptions } from '../support/postgres.mjs';

const SECRET = 'a secret of the benchmarks, long enough';

/** better-auth as it comes, its session checked in a guard. */
export async function define({ schema, name }) {
  const pool = new pg.Pool(poolOptions(schema, name));
  const auth = betterAuth({
    database: pool,
    secret: SECRET,
    baseURL: 'http://127.0.0.1',
    telemetry: { enabled: false },
  });

  class SessionGuard {
    async canActivate(context) {
      const request = context.switchToHttp().getRequest();
      const found = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
      if (!found) throw new UnauthorizedException();
      request.user = found.user;
      return true;
    }
  }

  class BetterAuthController {
    me(request) {
      return { id: request.user.id };
    }
  }
  decorate(BetterAuthController, { me: [Get('me'), UseGuards(SessionGuard)] }, Controller());

  class BetterAuthModule {}
  Module({ controllers: [BetterAuthController] })(BetterAuthModule);
  const { runMigrations } = await getMigrations(auth.options);
  await runMigrations();
  return { module: BetterAuthModule, credentials: await logIn(pool) };
}

async function logIn(pool, count = 5_000) {
  const tokens = Array.from({ length: count }, () => randomBytes(24).toString('base64url'));
  await pool.query(
    `INSERT INTO "user" (id, name, email, "emailVerified", "createdAt", "updatedAt")
     SELECT 'user' || n, 'User ' || n, 'user' || n || '@example.com', true, now(), now() FROM generate_series(1, ${count}) AS n`,
  );
  await pool.query(
    `INSERT INTO session (id, "expiresAt", token, "createdAt", "updatedAt", "userId")
     SELECT 'session' || n, now() + interval '7 days', token, now(), now(), 'user' || n
     FROM unnest($1::text[]) WITH ORDINALITY AS t (token, n)`,
    [tokens],
  );
  await pool.query('ANALYZE "user", session');
  return tokens.map((token) => {
    const signature = createHmac('sha256', SECRET).update(token).digest('base64');
    return `cookie: better-auth.session_token=${encodeURIComponent(`${token}.${signature}`)}`;
  });
}
