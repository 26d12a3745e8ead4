import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { UNNAMED } from '../module-extras.js';
import { providerFor } from '../registrations.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../sessions/auth-type.js';
import { checkNames, type OptionNames } from '../options/call-options.js';
import type { AbstractAuthToken, AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { IssuedTokens } from '../sessions/issued-tokens.js';
import { ISSUE_OPTIONS, type IssueTokenOptions } from '../sessions/login.js';
import { type ContextOf, TokenService, type UserOrKey } from '../sessions/token.service.js';

/** An application, or a testing module. */
export type ApplicationUnderTest = Pick<INestApplicationContext, 'get' | 'select'>;

/** The options of `actingAs`; lifetimes and context are those of a login. */
export interface ActingAsOptions<TToken extends AnyAuthToken> extends IssueTokenOptions<ContextOf<TToken>> {
  /** The transport of the session. Default `'header'`. */
  via?: AuthType;
  /** The name of a registration, or the result of `forRoot`. Default: the registration without a name. */
  registration?: string | DynamicModule;
}

const ACTING_AS_OPTIONS: OptionNames<ActingAsOptions<AnyAuthToken>> = {
  ...ISSUE_OPTIONS,
  via: true,
  registration: true,
};

/** The result of `actingAs`. */
export interface ActingAs<TToken extends AnyAuthToken> {
  /** For `request(server).get('/me').set(headers)` and `app.inject({ url: '/me', headers })`. */
  headers: Record<string, string>;
  /** The session and its tokens, as from a login. */
  issued: IssuedTokens<TToken>;
}

/**
 * Authenticates the requests of a test as a user, with a real session in the database and a token that the guards verify.
 *
 * @example
 * ```ts
 * const { headers } = await actingAs(app, ada);
 * await request(app.getHttpServer()).get('/me').set(headers).expect(200);
 * ```
 * @throws AuthentifyUserNotFoundError if the user is not in the database.
 */
export function actingAs<TUser extends object>(
  app: ApplicationUnderTest,
  user: TUser,
  options?: ActingAsOptions<AbstractAuthToken<TUser>>,
): Promise<ActingAs<AbstractAuthToken<TUser>>>;
export function actingAs<TToken extends AnyAuthToken>(
  app: ApplicationUnderTest,
  user: UserOrKey<TToken>,
  options?: ActingAsOptions<TToken>,
): Promise<ActingAs<TToken>>;
export async function actingAs(
  app: ApplicationUnderTest,
  user: unknown,
  given: ActingAsOptions<AnyAuthToken> = {},
): Promise<ActingAs<AnyAuthToken>> {
  checkNames(given, ACTING_AS_OPTIONS);
  const { via = 'header', registration = UNNAMED, ...login } = given;
  const tokens = find<TokenService<AnyAuthToken>>(app, TokenService, registration);
  const options = find<ResolvedOptions>(app, AUTHENTIFY_OPTIONS, registration);
  if (via === 'header') {
    const issued = await tokens.generateHeaderToken(user, login);
    return { headers: { authorization: `${options.authHeaderPrefixes[0]} ${issued.accessToken}` }, issued };
  }
  const issued = await tokens.generateCookieToken(user, login);
  // As a browser says of a page of the app itself, so that `requireOrigin` is content.
  return { headers: { cookie: cookieHeader(issued, options), 'sec-fetch-site': 'same-origin' }, issued };
}

function find<T>(app: ApplicationUnderTest, provider: Type<unknown> | symbol, registration: string | DynamicModule): T {
  if (typeof registration === 'string') return app.get<T>(providerFor(registration, provider));
  return app.select(registration).get<T>(provider, { strict: true });
}

function cookieHeader(
  { accessToken, refreshToken }: IssuedTokens<AnyAuthToken>,
  { authCookieNames, refreshCookieName }: ResolvedOptions,
): string {
  const cookies = [`${authCookieNames[0]}=${accessToken}`];
  const [refreshName] = refreshCookieName;
  if (refreshToken !== null && refreshName !== undefined) cookies.push(`${refreshName}=${refreshToken}`);
  return cookies.join('; ');
}
