import { Controller, Get, Module, Post, UnauthorizedException } from '@nestjs/common';
import { decorate } from '../support/decorate.mjs';
import { pg, poolOptions } from '../support/postgres.mjs';
import * as raw from '../support/raw.mjs';

/** One prepared statement per request in a bare handler, and nothing else. */
export function define({ schema, name }) {
  const pool = new pg.Pool(poolOptions(schema, name));

  class RawController {
    async me(request) {
      const row = await raw.verify(pool, raw.bearerOf(request.headers.authorization));
      if (!row) throw new UnauthorizedException();
      return { id: row.u_id };
    }

    login(request) {
      return raw.login(pool, request.body.userId);
    }

    async refresh(request) {
      const pair = await raw.refresh(pool, request.body.refreshToken);
      if (!pair) throw new UnauthorizedException();
      return pair;
    }
  }
  decorate(RawController, { me: [Get('me')], login: [Post('login')], refresh: [Post('refresh')] }, Controller());

  class RawModule {}
  Module({ controllers: [RawController] })(RawModule);
  return { module: RawModule };
}
