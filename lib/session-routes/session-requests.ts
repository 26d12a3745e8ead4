import {
  BadRequestException,
  type HttpException,
  Inject,
  Injectable,
  InternalServerErrorException,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { RequestAuthenticator } from '../authentication/authenticator.js';
import { Challenge } from '../authentication/challenge.js';
import { credentialInHeader } from '../authentication/credentials/authorization-header.js';
import { credentialInCookies } from '../authentication/credentials/cookies.js';
import type { PresentedCredential, TransportRequest } from '../authentication/request.js';
import { CrossSiteCheck } from '../authentication/csrf.js';
import { unauthorized } from '../authentication/refusals.js';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../sessions/auth-type.js';
import type { AbstractAuthToken } from '../sessions/entities/abstract-auth-token.js';
import { SessionStore } from '../sessions/session-store.js';
import { TokenSecrets } from '../sessions/token-secrets.js';
import { canonicalUuid } from '../sessions/uuid.js';
import { Verification } from '../sessions/verification.js';
import { bodyKindOf } from './request-body.js';

/** How many sessions are listed at most. */
const LONGEST_LIST = 100;

/** A request to a session route behind `AuthentifyGuard`. */
export type SessionRequest = TransportRequest & Required<Pick<TransportRequest, 'auth'>>;

/** What a request to log out presents. */
interface PresentedSession {
  /** Each once: an access and a refresh token are mostly of the same. */
  sessions: AbstractAuthToken[];
  /** Whether cookies presented something, good or bad. */
  isCookie: boolean;
  /** What to answer where nothing names a session, because the body may have meant one. */
  problem?: HttpException;
}

/**
 * What requests to the session routes present and ask for. To refresh and to log out no guard authenticates them: as with
 * access tokens, what a client states, in the header or the body, decides, and cookies that its browser adds are not tried.
 */
@Injectable()
export class SessionRequests {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly crossSite: CrossSiteCheck,
    private readonly secrets: TokenSecrets,
    private readonly store: SessionStore,
    private readonly verification: Verification,
    private readonly authenticator: RequestAuthenticator,
    private readonly challenge: Challenge,
  ) {}

  /**
   * The refresh token: of the body, the header, or else the cookie. Anything else in the header is passed over where
   * one of the others is there, because clients go on sending the access token that has run out.
   *
   * @throws HttpException for a body that cannot be read, ForbiddenException for a foreign site's use of the cookie.
   */
  refreshTokenOf(request: TransportRequest): PresentedCredential | null {
    const { token, unread } = statedToken(request);
    if (unread) throw unread;
    const header = this.headerOf(request);
    const inHeader = header && this.secrets.readRefresh(header.rawToken) ? header : null;
    if (token !== undefined) {
      if (inHeader && inHeader.rawToken !== token) {
        throw new BadRequestException('The refresh tokens in the header and in the body differ; send one of them');
      }
      return { authType: 'header', rawToken: token };
    }
    return inHeader ?? this.cookiesOf(request, this.options.refreshCookieName)[0] ?? header;
  }

  /**
   * The sessions that a request names by tokens of either kind, in header and body, or else in its cookies.
   *
   * @throws ForbiddenException for a foreign site's use of cookies, BadRequestException for a token that is no string.
   */
  async sessionsOf(request: TransportRequest): Promise<PresentedSession> {
    const { authCookieNames, refreshCookieName } = this.options;
    const { token, unread, isStrange } = statedToken(request);
    const header = this.headerOf(request);
    const stated: PresentedCredential[] = header ? [header] : [];
    if (token !== undefined) stated.push({ authType: 'header', rawToken: token });
    const isCookie = stated.length === 0;
    const credentials = isCookie ? this.cookiesOf(request, [...authCookieNames, ...refreshCookieName]) : stated;
    const problem =
      unread ?? (isStrange ? new BadRequestException('The body names no session: refreshToken') : undefined);
    return {
      sessions: await this.sessionsNamedBy(credentials),
      isCookie: isCookie && credentials.length > 0,
      ...(problem && { problem }),
    };
  }

  /**
   * The user's sessions that a query asks for, newest first: `limit`, 1 to 100 and 100 by default, of those that are
   * older than the session `before`. That is but a place in the order: an unknown or foreign id is as good as one's own.
   *
   * @throws BadRequestException for anything else.
   */
  pageOf(request: SessionRequest): Promise<AbstractAuthToken[]> {
    const { limit, before } = (request.query ?? {}) as Record<string, unknown>;
    return this.store.liveOf(request.auth.userId, Date.now(), {
      limit: limit === undefined ? LONGEST_LIST : limitIn(limit),
      before: before === undefined ? undefined : idIn(before),
    });
  }

  /** How a request that a guard let pass was authenticated. */
  transportOf(request: TransportRequest): AuthType | undefined {
    return this.authenticator.authenticationOf(request)?.credential.authType;
  }

  /** The 401 for what was presented, good for nothing, or for nothing; its challenge is written. */
  refusalOf(response: unknown, credential: PresentedCredential | null): HttpException {
    this.challenge.write(response, credential?.authType ?? 'header', { ...(credential && { error: 'invalid_token' }) });
    return unauthorized();
  }

  private async sessionsNamedBy(credentials: readonly PresentedCredential[]): Promise<AbstractAuthToken[]> {
    const found = new Map<string, AbstractAuthToken>();
    for (const { rawToken, authType } of credentials) {
      const session = await this.verification.sessionOf(rawToken, authType);
      if (session) found.set(session.id, session);
    }
    return [...found.values()];
  }

  private headerOf(request: TransportRequest): PresentedCredential | null {
    return credentialInHeader(request, this.options.authHeaderPrefixes);
  }

  private cookiesOf(request: TransportRequest, names: readonly string[]): PresentedCredential[] {
    const credentials = names.flatMap((name) => credentialInCookies(request, [name]) ?? []);
    if (credentials.length > 0) this.crossSite.assertOwnSite(request, 'cookie');
    return credentials;
  }
}

function limitIn(value: unknown): number {
  const limit = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > LONGEST_LIST)
    throw new BadRequestException(`limit must be a whole number from 1 to ${LONGEST_LIST}`);
  return limit;
}

function idIn(value: unknown): string {
  const id = canonicalUuid(value);
  if (id === null) throw new BadRequestException('before must be the id of a session');
  return id;
}

/** What a body says of a refresh token. */
interface Statement {
  /** The token; `undefined` where the body states none. */
  token?: string;
  /** Why the body could not be read: it may have stated one. */
  unread?: HttpException;
  /** Members that mean nothing here, and no token beside them. */
  isStrange?: boolean;
}

/** This library's spelling and that of OAuth (RFC 6749 §6). */
const SPELLINGS = ['refreshToken', 'refresh_token'];

/**
 * Reads the refresh token that a JSON body states; `null` counts as absent. Nothing else is read, be it a form or a
 * query string (R11).
 *
 * @throws BadRequestException for a token that is no string (R14), two different ones, and JSON that is no object.
 */
function statedToken(request: TransportRequest): Statement {
  switch (bodyKindOf(request)) {
    case 'none':
      return {};
    case 'other':
      return {
        unread: new UnsupportedMediaTypeException('Send the refresh token as application/json, or in its cookie'),
      };
    default:
      return tokenIn(request.body);
  }
}

function tokenIn(body: unknown): Statement {
  if (body === undefined || ArrayBuffer.isView(body)) {
    return {
      unread: new InternalServerErrorException(
        'The JSON body was not parsed. Session routes need a body parser: leave out bodyParser: false, or call ' +
          "app.useBodyParser('json')",
      ),
    };
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequestException('The body must be a JSON object');
  }
  const members = body as Record<string, unknown>;
  const stated = SPELLINGS.map((name) => members[name]).filter((value) => value !== undefined && value !== null);
  if (!stated.every((value) => typeof value === 'string')) {
    throw new BadRequestException('refreshToken must be a string');
  }
  const [token, other = token] = stated;
  if (token !== other) throw new BadRequestException('refreshToken and refresh_token differ; send one of them');
  if (token !== undefined) return { token };
  return { isStrange: Object.keys(members).some((name) => !SPELLINGS.includes(name)) };
}
