import {
  Body,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  HttpException,
  Injectable,
  Post,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { WsAdapter } from '@nestjs/platform-ws';
import { type OnGatewayConnection, WebSocketGateway } from '@nestjs/websockets';
import {
  type AuthenticatedRequest,
  AuthentifyGuard,
  type CookieAttributes,
  type PresentedCredential,
  CrossSiteGuard,
  HeaderAuthGuard,
  HeaderTokenStrategy,
  Public,
  type RefusalDetails,
  RequireContext,
  RequireFresh,
  SocketAuthenticator,
  TokenCookies,
  TokenService,
  type TransportRequest,
} from 'nestjs-authentify';
import { afterEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import { type Answer, bearer, cookie, send } from './client.js';
import { BAD_CREDENTIAL, type MaybeAuthenticated, NOTHING_PRESENTED, verdict, whoami } from './controllers.js';

/** The ticket in the query string of a request's URL, as pages open event streams and WebSockets. */
function ticketIn({ url = '' }: TransportRequest): PresentedCredential | null {
  const ticket = new URL(url, 'http://localhost').searchParams.get('ticket');
  return ticket === null ? null : { authType: 'header', rawToken: ticket };
}

@Injectable()
class TicketGuard extends HeaderAuthGuard {
  protected override credentialIn(request: TransportRequest): PresentedCredential | null {
    return ticketIn(request);
  }
}

@Injectable()
class TicketSockets extends SocketAuthenticator {
  protected override credentialIn(request: TransportRequest): PresentedCredential | null {
    return ticketIn(request) ?? super.credentialIn(request);
  }
}

function apiKeyIn({ headers }: TransportRequest): PresentedCredential | null {
  const key = headers['x-api-key'];
  return typeof key === 'string' ? { authType: 'header', rawToken: key } : null;
}

@Injectable()
class ApiKeyGuard extends AuthentifyGuard {
  protected override credentialIn(request: TransportRequest): PresentedCredential | null {
    return apiKeyIn(request) ?? super.credentialIn(request);
  }
}

@Injectable()
class ApiKeyStrategy extends HeaderTokenStrategy {
  protected override credentialIn(request: TransportRequest): PresentedCredential | null {
    return apiKeyIn(request) ?? super.credentialIn(request);
  }
}

/** Problem details (RFC 9457), as an app makes them. */
async function problem(refused: unknown, context: ExecutionContext): Promise<unknown> {
  const error = await refused;
  if (!(error instanceof HttpException)) return error;
  const response = context.switchToHttp().getResponse<{ header(name: string, value: string): void }>();
  response.header('Content-Type', 'application/problem+json');
  const { errorCode } = error.getResponse() as { errorCode?: string };
  return new HttpException({ title: error.message, status: error.getStatus(), code: errorCode }, error.getStatus());
}

@Injectable()
class ProblemGuard extends AuthentifyGuard {
  protected override refuse(error: unknown, context: ExecutionContext, details: RefusalDetails): unknown {
    return problem(super.refuse(error, context, details), context);
  }
}

@Injectable()
class ProblemCrossSiteGuard extends CrossSiteGuard {
  protected override refuse(error: unknown, context: ExecutionContext): unknown {
    return problem(super.refuse(error, context), context);
  }
}

/** Ends the session after its guard let the request pass, as another node might. */
@Injectable()
class EndingGuard implements CanActivate {
  constructor(private readonly tokens: TokenService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { auth } = context.switchToHttp().getRequest<AuthenticatedRequest>();
    return (await this.tokens.revokeToken(auth)) === 1;
  }
}

@Injectable()
class PartitionedCookies extends TokenCookies {
  protected override attributesOf(name: string): CookieAttributes {
    return { ...super.attributesOf(name), partitioned: true, priority: 'high' };
  }
}

@Controller()
class RoutesController {
  constructor(
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
  ) {}

  @Get('header')
  @UseGuards(HeaderAuthGuard)
  header(@Req() request: MaybeAuthenticated): object {
    return whoami(request);
  }

  @Get('ticket')
  @UseGuards(TicketGuard)
  ticket(@Req() request: MaybeAuthenticated): object {
    return whoami(request);
  }

  @Get('plain')
  @UseGuards(AuthGuard('authentify-header'))
  plain(@Req() request: MaybeAuthenticated): object {
    return whoami(request);
  }

  @Get('unmarked')
  unmarked(@Req() request: MaybeAuthenticated): object {
    return whoami(request);
  }

  @Get('problem')
  @UseGuards(ProblemGuard)
  problem(@Req() request: MaybeAuthenticated): object {
    return whoami(request);
  }

  @Get('problem/premium')
  @RequireContext({ plan: 'premium' })
  @UseGuards(ProblemGuard)
  premium(): object {
    return {};
  }

  @Get('problem/fresh')
  @RequireFresh(1)
  @UseGuards(ProblemGuard)
  fresh(): object {
    return {};
  }

  @Get('problem/ended')
  @UseGuards(ProblemGuard, EndingGuard)
  ended(): object {
    return {};
  }

  @Post('login')
  @Public()
  @UseGuards(ProblemCrossSiteGuard)
  async login(@Body() { user }: { user: number }, @Res({ passthrough: true }) response: object): Promise<object> {
    this.cookies.set(response, await this.tokens.generateCookieToken(user));
    return {};
  }
}

@WebSocketGateway()
class TicketGateway implements OnGatewayConnection {
  constructor(private readonly sockets: TicketSockets) {}

  async handleConnection(client: WebSocket, request: never): Promise<void> {
    const token = await this.sockets.authenticate(client, request);
    if (token) client.send(token.id);
  }
}

/** What a socket's client hears first: a message, or the code it is closed with. */
function firstWordOf(url: string): Promise<string | number> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  return new Promise((resolve, reject) => {
    socket.on('message', (data: Buffer) => resolve(data.toString()));
    socket.on('close', resolve).on('error', reject);
  }).finally(() => socket.close()) as Promise<string | number>;
}

describe.each(ADAPTERS)('what apps override, on %s', (adapter) => {
  let t: TestApp;
  const start = async (setup: Setup = {}): Promise<TestApp> => {
    t = await startApp({ adapter, controllers: [RoutesController], ...setup });
    return t;
  };

  afterEach(() => t.close());

  describe('where a credential is read', () => {
    it('R11: a guard of one route reads a ticket from the query; no other guard does', async () => {
      await start();
      const user = await t.createUser();
      const { accessToken, token } = await t.tokens.generateHeaderToken(user);
      const acting = { user: user.id, session: token.id };
      expect((await send(`${t.url}/ticket?ticket=${accessToken}`)).json).toEqual(acting);
      expect(verdict(await send(`${t.url}/header?ticket=${accessToken}`))).toEqual(NOTHING_PRESENTED);
      expect((await send(`${t.url}/header`, { headers: bearer(accessToken) })).json).toEqual(acting);
      expect(verdict(await send(`${t.url}/ticket`, { headers: bearer(accessToken) }))).toEqual(NOTHING_PRESENTED);
    });

    it.each(['nothing', '', 'a&ticket=b'])('R60: a bad ticket (%j) is refused like any credential', async (ticket) => {
      await start();
      const answer = await send(`${t.url}/ticket?ticket=${ticket}`);
      expect(verdict(answer)).toEqual(BAD_CREDENTIAL);
      expect(answer.json).toEqual({ statusCode: 401, message: 'Unauthorized', errorCode: 'invalid_token' });
    });

    it('the guard of guardAllRoutes and Passport’s own can read a header of the app’s', async () => {
      await start({
        extras: {
          guardAllRoutes: true,
          extraProviders: [
            { provide: AuthentifyGuard, useClass: ApiKeyGuard },
            { provide: HeaderTokenStrategy, useClass: ApiKeyStrategy },
          ],
        },
        controllers: [RoutesController],
      });
      const user = await t.createUser();
      const { accessToken, token } = await t.tokens.generateHeaderToken(user);
      const acting = { user: user.id, session: token.id };
      const headers = { 'X-Api-Key': accessToken };
      expect((await send(`${t.url}/unmarked`, { headers })).json).toEqual(acting);
      expect((await send(`${t.url}/unmarked`, { headers: bearer(accessToken) })).json).toEqual(acting);
      expect((await send(`${t.url}/plain`, { headers })).json).toEqual(acting);
      expect(verdict(await send(`${t.url}/unmarked`, { headers: { 'X-Api-Key': 'x' } }))).toEqual(BAD_CREDENTIAL);
      expect(verdict(await send(`${t.url}/header`, { headers }))).toEqual(NOTHING_PRESENTED);
    });

    it('R11: sockets are authenticated by a ticket where the app reads it', async () => {
      await start({
        providers: [TicketSockets, TicketGateway],
        configure: (app) => void app.useWebSocketAdapter(new WsAdapter(app)),
      });
      const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
      expect(await firstWordOf(`${t.url}/?ticket=${accessToken}`)).toBe(token.id);
      expect(await firstWordOf(`${t.url}/?ticket=nothing`)).toBe(4401);
      expect(await firstWordOf(`${t.url}/?token=${accessToken}`)).toBe(4401);
    });
  });

  describe('how a refusal looks', () => {
    const problemOf = ({ status, headers, text }: Answer): unknown[] => [
      status,
      headers['content-type']?.split(';')[0],
      headers['www-authenticate'],
      JSON.parse(text),
    ];
    const PROBLEM = 'application/problem+json';
    const UNAUTHORIZED = { title: 'Unauthorized', status: 401, code: 'invalid_token' };

    it('R61: a guard answers as the app decides, and the challenge stays', async () => {
      await start();
      const [, challenge] = NOTHING_PRESENTED;
      expect(problemOf(await send(`${t.url}/problem`))).toEqual([401, PROBLEM, challenge, UNAUTHORIZED]);
      const [, invalid] = BAD_CREDENTIAL;
      const bad = await send(`${t.url}/problem`, { headers: bearer('nothing') });
      expect(problemOf(bad)).toEqual([401, PROBLEM, invalid, UNAUTHORIZED]);
    });

    it('R69: so it does for what the route requires of the session', async () => {
      await start();
      const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
      const headers = bearer(accessToken);
      const premium = await send(`${t.url}/problem/premium`, { headers });
      expect(problemOf(premium)).toEqual([403, PROBLEM, undefined, { title: 'Forbidden', status: 403 }]);
      const createdAt = new Date(token.createdAt.getTime() - 2_000);
      await t.dataSource.getRepository(t.tokenEntity).update({ id: token.id }, { createdAt } as never);
      const [status, type, challenge, body] = problemOf(await send(`${t.url}/problem/fresh`, { headers }));
      expect([status, type]).toEqual([401, PROBLEM]);
      expect(challenge).toBe('Bearer realm="api", error="insufficient_user_authentication", max_age="1"');
      expect(body).toMatchObject({ code: 'insufficient_user_authentication' });
    });

    it('R43: so it does where the session turns out to be over when it should be extended', async () => {
      await start({
        options: { autoRefreshInterval: 0, autoRefreshMaxTtl: '30d' },
        extras: { autoRefresh: true },
      });
      const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
      const answer = await send(`${t.url}/problem/ended`, { headers: bearer(accessToken) });
      const [, invalid] = BAD_CREDENTIAL;
      expect(problemOf(answer)).toEqual([401, PROBLEM, invalid, UNAUTHORIZED]);
    });

    it('R54: so does CrossSiteGuard', async () => {
      await start();
      const headers = { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'cross-site' };
      const answer = await send(`${t.url}/login`, { method: 'POST', headers, body: '{"user":1}' });
      const body = { title: 'Forbidden', status: 403, code: 'cross_site_request' };
      expect(problemOf(answer)).toEqual([403, PROBLEM, undefined, body]);
    });
  });

  it('R57: cookies have the attributes that an app’s TokenCookies gives them, written, renewed and removed', async () => {
    await start({
      options: { autoRefreshInterval: 0, autoRefreshMaxTtl: '30d' },
      extras: {
        autoRefresh: true,
        sessionRoutes: { path: 'auth' },
        extraProviders: [{ provide: TokenCookies, useClass: PartitionedCookies }],
      },
      controllers: [RoutesController, CookieController],
    });
    const { id } = await t.createUser();
    const own = { 'Sec-Fetch-Site': 'same-origin' };
    const headers = { ...own, 'Content-Type': 'application/json' };
    const login = await send(`${t.url}/login`, { method: 'POST', headers, body: JSON.stringify({ user: id }) });
    const [access = '', refresh = ''] = login.cookies.map((line) => /=([^;]*)/.exec(line)?.[1] ?? '');
    const renewed = await send(`${t.url}/cookie`, { headers: cookie(access) });
    const inCookie = { ...own, ...cookie(refresh, '__Host-refresh-token') };
    const refreshed = await send(`${t.url}/auth/refresh`, { method: 'POST', headers: inCookie });
    const cleared = await send(`${t.url}/auth/logout`, { method: 'POST', headers: inCookie });
    const answers = [login, renewed, refreshed, cleared].map(({ cookies }) => cookies);
    expect(answers.map((lines) => lines.length)).toEqual([2, 1, 2, 2]);
    for (const line of answers.flat()) expect(line).toMatch(/Partitioned.*Priority=High|Priority=High.*Partitioned/);
    for (const line of answers.flat()) expect(line).toContain(line.includes('refresh') ? 'Strict' : 'Lax');
  });
});

@Controller()
class CookieController {
  @Get('cookie')
  @UseGuards(AuthentifyGuard)
  cookie(@Req() request: MaybeAuthenticated): object {
    return whoami(request);
  }
}

it('R67: extraProviders that are no list stop the boot', async () => {
  await expect(startApp({ extras: { extraProviders: TokenCookies as never } })).rejects.toThrow(
    /extraProviders must be a list of providers/,
  );
});
