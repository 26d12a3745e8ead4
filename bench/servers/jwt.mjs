import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { Controller, Get, Module, UseGuards } from '@nestjs/common';
import { AuthGuard, PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { decorate } from '../support/decorate.mjs';

const SECRET = randomBytes(32);

/** Signed JWTs of the users from 1 on (RFC 7519, HS256), as `Authorization` headers. */
export function jwtCredentials(count = 5_000) {
  const encode = (value) => Buffer.from(value).toString('base64url');
  const now = Math.floor(Date.now() / 1_000);
  return Array.from({ length: count }, (_, index) => {
    const claims = { sub: index + 1, email: `user${index + 1}@example.com`, iat: now, exp: now + 86_400 };
    const body = `${encode('{"alg":"HS256","typ":"JWT"}')}.${encode(JSON.stringify(claims))}`;
    return `authorization: Bearer ${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`;
  });
}

/** Of `passport-jwt`, with the secret as a prepared KeyObject. */
export const jwtOptions = {
  jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
  secretOrKey: createSecretKey(SECRET),
  algorithms: ['HS256'],
};

/** passport-jwt without the user: no database, and nothing can be revoked. */
export function define() {
  class JwtStrategy extends PassportStrategy(Strategy) {
    constructor() {
      super(jwtOptions);
    }

    validate({ sub, email }) {
      return { id: sub, email };
    }
  }

  class JwtController {
    me(request) {
      return { id: request.user.id };
    }
  }
  decorate(JwtController, { me: [Get('me'), UseGuards(AuthGuard('jwt'))] }, Controller());

  class JwtModule {}
  Module({ providers: [JwtStrategy], controllers: [JwtController] })(JwtModule);
  return { module: JwtModule, credentials: jwtCredentials() };
}
