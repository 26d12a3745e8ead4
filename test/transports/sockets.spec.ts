import {
  ConnectedSocket,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { UseGuards } from '@nestjs/common';
import {
  type AuthenticatedSocket,
  AuthentifyGuard,
  ContextGuard,
  type AuthentifyOptions,
  CurrentUser,
  type IssuedTokens,
  RequireContext,
  RequireFresh,
  SocketAuthenticator,
} from 'nestjs-authentify';
import { firstValueFrom, Subject } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bearer, cookie } from '../requests/client.js';
import { INVALID_TOKEN } from '../requests/controllers.js';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { ADAPTER_OF, type Client, connect, PlacesGateway, type SocketKind } from './drivers/sockets.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

type Connected = Partial<AuthenticatedSocket<User>>;

/** Socket.IO's own heartbeat must not take a moved clock for a lost connection. */
const PATIENT = { pingInterval: 1_000_000_000, pingTimeout: 1_000_000_000 };

/** Authenticates at the handshake; its handlers ask for no guard where they need none. */
@WebSocketGateway(PATIENT)
class HandshakeGateway implements OnGatewayConnection, OnGatewayDisconnect {
  /** What handlers without a guard were sent. */
  static handled: unknown[] = [];
  static asked = 0;
  static outcomes: Promise<unknown>[] = [];
  static readonly left = new Subject<void>();

  constructor(private readonly sockets: SocketAuthenticator) {}

  handleConnection(client: object, request?: never): void {
    HandshakeGateway.outcomes.push(this.sockets.authenticate(client, request));
  }

  handleDisconnect(): void {
    HandshakeGateway.left.next();
  }

  @SubscribeMessage('unguarded')
  unguarded(@ConnectedSocket() { user, auth }: Connected): object {
    HandshakeGateway.handled.push(user?.id);
    return { event: 'whoami', data: { user: user?.id ?? null, session: auth?.id ?? null } };
  }

  @SubscribeMessage('guarded')
  @UseGuards(AuthentifyGuard)
  guarded(@CurrentUser('id') id: number): object {
    return { event: 'id', data: id };
  }

  @SubscribeMessage('premium')
  @RequireContext({ plan: 'premium' })
  @UseGuards(AuthentifyGuard)
  premium(): object {
    return { event: 'premium', data: {} };
  }

  @SubscribeMessage('counted')
  @RequireContext<{ plan?: string }>(({ plan }) => {
    HandshakeGateway.asked += 1;
    return plan === 'premium';
  })
  @UseGuards(AuthentifyGuard, ContextGuard)
  counted(): object {
    return { event: 'counted', data: {} };
  }

  @SubscribeMessage('fresh')
  @RequireFresh('5m')
  @UseGuards(AuthentifyGuard)
  fresh(): object {
    return { event: 'fresh', data: {} };
  }
}

/** Without any guard of its own, for `guardAllRoutes`. */
@WebSocketGateway()
class BareGateway implements OnGatewayConnection {
  handleConnection(client: object, request?: object): void {
    if (request) Object.assign(client, { upgradeReq: request });
  }

  @SubscribeMessage('bare')
  bare(@CurrentUser('id') id: number): object {
    return { event: 'id', data: id };
  }
}

/** Keeps nothing of the request, as gateways of `ws` do that nobody told to. */
@WebSocketGateway()
class ForgetfulGateway {
  @SubscribeMessage('guarded')
  @UseGuards(AuthentifyGuard)
  guarded(): object {
    return { event: 'id', data: 0 };
  }
}

const UNAUTHORIZED = { status: 'error', ...INVALID_TOKEN };

describe.each(Object.keys(ADAPTER_OF) as SocketKind[])('sockets of %s', (kind) => {
  let t: TestApp;
  let user: User;
  const clients: Client[] = [];

  const start = async (
    options: AuthentifyOptions<User> = {},
    { gateway = HandshakeGateway, ...setup }: Setup & { gateway?: new (...args: never[]) => unknown } = {},
  ): Promise<TestApp> => {
    const app = await startApp({
      ...setup,
      options: { tokenTtl: '10m', refreshTokenTtl: '1h', ...options },
      providers: [gateway],
      configure: (app) => app.useWebSocketAdapter(ADAPTER_OF[kind](app)),
    });
    app.app.useLogger(false);
    return app;
  };
  const login = (context = {}) => t.tokens.generateHeaderToken(user, { context });
  const open = async (headers: Record<string, string> = {}, url = t.url): Promise<Client> => {
    const client = await connect(kind, url, headers);
    clients.push(client);
    return client;
  };
  const openFor = ({ accessToken }: IssuedTokens, url?: string) => open(bearer(accessToken), url);
  /** What a client is told whose socket is closed for such a status. */
  const expectClosed = async (client: Client, status = 401, name = 'Unauthorized'): Promise<void> => {
    const closed = await client.closed;
    if (kind === 'ws') {
      expect(closed).toEqual({ code: 4000 + status, reason: name });
      return;
    }
    expect(closed.reason).toBe('io server disconnect');
    expect(client.unasked.at(-1)).toEqual({
      event: 'exception',
      data: status === 401 ? UNAUTHORIZED : expect.objectContaining({ status: 'error', statusCode: status }),
    });
  };

  beforeEach(async () => {
    HandshakeGateway.handled = [];
    HandshakeGateway.outcomes = [];
  });
  afterEach(async () => {
    vi.useRealTimers();
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await t.close();
  });

  describe('authenticated at the handshake', () => {
    beforeEach(async () => {
      t = await start();
      user = await t.createUser();
    });

    it('know user and session, and their messages cost no look-up', async () => {
      const issued = await login();
      let client: Client;
      const opening = await t.statements.during(async () => {
        client = await openFor(issued);
        expect(await HandshakeGateway.outcomes[0]).toMatchObject({ id: issued.token.id });
        await client.ask('unguarded');
      });
      // The token, and whether the session is still there once it is watched.
      expect(opening).toEqual([expect.stringMatching(/^SELECT/), expect.stringMatching(/^SELECT/)]);
      const messages = await t.statements.during(async () => {
        expect(await client!.ask('unguarded')).toEqual({
          event: 'whoami',
          data: { user: user.id, session: issued.token.id },
        });
        for (let count = 0; count < 20; count += 1) {
          expect(await client!.ask('guarded')).toEqual({ event: 'id', data: user.id });
        }
      });
      expect(messages).toEqual([]);
    });

    it('are closed with a reason where the credential is none, bad, expired or revoked', async () => {
      const [expired, revoked] = [await login(), await login()];
      await t.tokens.revokeToken(revoked.token);
      await t.dataSource
        .getRepository(t.tokenEntity)
        .update({ id: expired.token.id }, { expiresAt: new Date(Date.now() - 1) });
      const headers: Record<string, string>[] = [
        {},
        bearer('bad'),
        bearer(expired.accessToken),
        bearer(revoked.accessToken),
      ];
      headers.push({ ...cookie('bad'), Origin: t.url });
      for (const refused of headers) {
        const client = await open(refused);
        client.send('unguarded');
        await expectClosed(client);
      }
      expect(await Promise.all(HandshakeGateway.outcomes)).toEqual([null, null, null, null, null]);
      if (kind === 'ws') expect(HandshakeGateway.handled).toEqual([]);
    });

    it('R62: are closed as unavailable in an outage', async () => {
      const issued = await login();
      await t.dataSource.destroy();
      const client = await openFor(issued);
      await expectClosed(client, 503, 'Service Unavailable');
      await t.dataSource.initialize();
    });

    it('R69: a predicate is asked once for each message, by whoever guards it', async () => {
      t = await start();
      user = await t.createUser();
      const [premium, basic] = [await openFor(await login({ plan: 'premium' })), await openFor(await login())];
      HandshakeGateway.asked = 0;
      for (const asked of [1, 2]) {
        expect(await premium.ask('counted')).toMatchObject({ event: 'counted' });
        expect(HandshakeGateway.asked).toBe(asked);
      }
      expect(await basic.ask('counted')).toMatchObject({ data: { statusCode: 403 } });
      expect(HandshakeGateway.asked).toBe(3);
    });

    it('enforce what decorators ask of the session, and say so', async () => {
      const basic = await openFor(await login());
      expect(await basic.ask('premium')).toEqual({
        event: 'exception',
        data: { status: 'error', statusCode: 403, message: 'Forbidden' },
      });
      expect(await basic.ask('guarded')).toMatchObject({ data: user.id });
      const premium = await openFor(await login({ plan: 'premium' }));
      expect(await premium.ask('premium')).toMatchObject({ event: 'premium' });
      expect(await premium.ask('fresh')).toMatchObject({ event: 'fresh' });
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * MINUTE });
      expect(await premium.ask('fresh')).toEqual({
        event: 'exception',
        data: {
          status: 'error',
          statusCode: 401,
          message: 'A more recent login is required',
          errorCode: 'insufficient_user_authentication',
          maxAge: 300,
        },
      });
    });

    it('close at once when their session is ended on this node, and no other does', async () => {
      const [ended, kept] = [await login(), await login()];
      const [client, sibling, bystander] = [await openFor(ended), await openFor(ended), await openFor(kept)];
      for (const one of [client, sibling, bystander]) await one.ask('guarded');
      await t.tokens.revokeToken(ended.token);
      await Promise.all([expectClosed(client), expectClosed(sibling)]);
      expect(await bystander.ask('guarded')).toMatchObject({ data: user.id });
    });

    it('close when all sessions are ended, but the one that is kept', async () => {
      const [ended, kept] = [await login(), await login()];
      const [client, bystander] = [await openFor(ended), await openFor(kept)];
      for (const one of [client, bystander]) await one.ask('guarded');
      await t.tokens.revokeAllUserTokens(user, { except: kept.token });
      await expectClosed(client);
      expect(await bystander.ask('guarded')).toMatchObject({ data: user.id });
    });

    it('are not watched any more when their client has gone', async () => {
      vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: NOW });
      const client = await openFor(await login());
      await client.ask('guarded');
      const left = firstValueFrom(HandshakeGateway.left);
      await client.close();
      await left;
      const statements = await t.statements.during(() => vi.advanceTimersByTimeAsync(2 * MINUTE));
      expect(statements).toEqual([]);
    });
  });

  it('close when a session that outlived its token is not refreshed, and stay open when it is', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: NOW });
    t = await start({ sessionCheckInterval: '1h' });
    user = await t.createUser();
    const [refreshed, left] = [await login(), await login()];
    const [client, forgotten] = [await openFor(refreshed), await openFor(left)];
    for (const one of [client, forgotten]) await one.ask('guarded');
    vi.setSystemTime(NOW + 9 * MINUTE);
    await t.tokens.refreshToken(refreshed.refreshToken!);
    vi.setSystemTime(NOW);
    for (let minute = 0; minute < 10; minute += 1) {
      await vi.advanceTimersByTimeAsync(MINUTE);
      if (minute < 9) expect(await forgotten.ask('guarded')).toMatchObject({ data: user.id });
    }
    await expectClosed(forgotten);
    expect(await client.ask('guarded')).toMatchObject({ data: user.id });
  });

  it('R24: serve nobody whose session is over, even before a timer says so', async () => {
    t = await start();
    user = await t.createUser();
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const issued = await login();
    const client = await openFor(issued);
    await client.ask('guarded');
    vi.setSystemTime(issued.token.expiresAt!.getTime() - 1);
    expect(await client.ask('guarded')).toMatchObject({ data: user.id });
    vi.setSystemTime(issued.token.expiresAt!);
    client.send('guarded');
    await expectClosed(client);
  });

  it('close within the interval when another node ended their session', async () => {
    t = await start();
    user = await t.createUser();
    const other = await start({ sessionCheckInterval: '250ms' }, { beside: t });
    try {
      const issued = await login();
      const client = await openFor(issued, other.url);
      await client.ask('guarded');
      await t.tokens.revokeToken(issued.token);
      await expectClosed(client);
    } finally {
      await other.app.close();
    }
  });

  it('R48: close where the session was ended while the handshake was verified', async () => {
    let meanwhile = async (): Promise<void> => {};
    t = await start({
      isUserActive: async () => {
        await meanwhile();
        return true;
      },
    });
    user = await t.createUser();
    const issued = await login();
    meanwhile = async () => {
      meanwhile = async () => {};
      await t.tokens.revokeToken(issued.token);
    };
    await expectClosed(await openFor(issued));
  });

  it.runIf(kind === 'ws').each([
    ['handle them then', true],
    ['never handle them where it is refused', false],
  ])('hold messages back while their handshake is verified, and %s', async (_what, isAccepted) => {
    let verified = Promise.resolve(true);
    t = await start({ isUserActive: () => verified });
    user = await t.createUser();
    const bystander = await openFor(await login());
    await bystander.ask('guarded');
    let finish = (_isActive: boolean): void => {};
    verified = new Promise((resolve) => {
      finish = resolve;
    });
    const client = await openFor(await login());
    const answer = client.ask('unguarded');
    client.send('unguarded');
    // Long enough for that message to arrive as well.
    for (let count = 0; count < 10; count += 1) await bystander.ask('guarded');
    expect(HandshakeGateway.handled).toEqual([]);
    finish(isAccepted);
    if (isAccepted) expect(await answer).toMatchObject({ data: { user: user.id } });
    else await expectClosed(client);
    expect(HandshakeGateway.handled).toEqual(isAccepted ? expect.arrayContaining([user.id]) : []);
  });

  it.each<[string, () => void]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['returns nothing', (): void => {}],
  ])('R23: a hook that %s refuses the socket', async (_what, postAuthHandler) => {
    t = await start({ postAuthHandler: postAuthHandler as never });
    user = await t.createUser();
    await expectClosed(await openFor(await login()), 500, 'Internal Server Error');
  });

  it('act as whom the hook says', async () => {
    t = await start({ postAuthHandler: ({ token }) => ({ user: { id: -1 } as User, token }) });
    user = await t.createUser();
    const client = await openFor(await login());
    expect(await client.ask('guarded')).toEqual({ event: 'id', data: -1 });
    expect(await client.ask('unguarded')).toMatchObject({ data: { user: -1 } });
  });

  describe('authenticated by their guards alone', () => {
    it('cost a look-up for the first message, and are watched from then on', async () => {
      t = await start({}, { gateway: PlacesGateway });
      user = await t.createUser();
      const issued = await login();
      const client = await openFor(issued);
      const first = await t.statements.during(() => client.ask('either'));
      expect(first.length).toBeGreaterThan(0);
      expect(await t.statements.during(() => client.ask('header'))).toEqual([]);
      await t.tokens.revokeToken(issued.token);
      await expectClosed(client);
    });

    it('stay open where a message is denied, and can be served once the reason is gone', async () => {
      t = await start({}, { gateway: PlacesGateway });
      user = await t.createUser();
      const issued = await login();
      const client = await openFor(issued);
      await t.dataSource.getRepository('users').update({ id: user.id }, { isActive: false });
      expect(await client.ask('either')).toEqual({ event: 'exception', data: UNAUTHORIZED });
      await t.dataSource.getRepository('users').update({ id: user.id }, { isActive: true });
      expect(await client.ask('either')).toMatchObject({ data: { user: user.id } });
    });

    it('are guarded everywhere by guardAllRoutes', async () => {
      t = await start({}, { gateway: BareGateway, extras: { guardAllRoutes: true } });
      user = await t.createUser();
      expect(await (await open()).ask('bare')).toEqual({ event: 'exception', data: UNAUTHORIZED });
      expect(await (await openFor(await login())).ask('bare')).toEqual({ event: 'id', data: user.id });
    });

    it.runIf(kind === 'ws')('stay closed where the gateway did not keep the request', async () => {
      t = await start({}, { gateway: ForgetfulGateway });
      user = await t.createUser();
      expect(await (await openFor(await login())).ask('guarded')).toMatchObject({
        event: 'exception',
        data: { message: 'Internal server error' },
      });
    });
  });

  describe('R55: with a cookie', () => {
    const APP = 'https://app.example.com';
    let session: IssuedTokens;
    beforeEach(async () => {
      t = await start({ csrf: { trustedOrigins: [APP] } });
      user = await t.createUser();
      session = await t.tokens.generateCookieToken(user);
    });

    it.each<[string, () => Record<string, string>, boolean]>([
      ['no Origin', () => ({}), false],
      ['the Origin of another site', () => ({ Origin: 'https://evil.example' }), false],
      ['the Origin of another port', () => ({ Origin: 'http://127.0.0.1:1' }), false],
      ['no origin at all', () => ({ Origin: 'null' }), false],
      ['its own Origin', () => ({ Origin: t.url }), true],
      ['a trusted Origin', () => ({ Origin: APP }), true],
      ['Sec-Fetch-Site of another site', () => ({ Origin: t.url, 'Sec-Fetch-Site': 'cross-site' }), false],
      ['Sec-Fetch-Site of a sibling', () => ({ Origin: t.url, 'Sec-Fetch-Site': 'same-site' }), false],
    ])('R55, RFC 6455 §10.2: a handshake with %s', async (_what, headers, isServed) => {
      const statements = await t.statements.during(async () => {
        const client = await open({ ...cookie(session.accessToken), ...headers() });
        if (isServed) expect(await client.ask('guarded')).toMatchObject({ data: user.id });
        else await expectClosed(client, 403, 'Forbidden');
      });
      if (!isServed) expect(statements).toEqual([]);
    });

    it('R55: header tokens are exempt, whatever cookie comes along', async () => {
      const { accessToken } = await login();
      const client = await open({ ...bearer(accessToken), ...cookie('x'), Origin: 'https://evil.example' });
      expect(await client.ask('guarded')).toMatchObject({ data: user.id });
    });

    it('R55: their messages are refused as well, where the guard alone looks', async () => {
      await t.close();
      t = await start({}, { gateway: PlacesGateway });
      session = await t.tokens.generateCookieToken(await t.createUser());
      const client = await open({ ...cookie(session.accessToken), Origin: 'https://evil.example' });
      expect(await client.ask('cookie')).toEqual({
        event: 'exception',
        data: { status: 'error', statusCode: 403, message: 'Forbidden', errorCode: 'cross_site_request' },
      });
      expect(await client.ask('public')).toMatchObject({ data: { user: null } });
    });
  });
});

describe('Socket.IO', () => {
  /** Authenticates before a socket is connected. */
  @WebSocketGateway()
  class MiddlewareGateway {
    static connected = 0;
    constructor(private readonly sockets: SocketAuthenticator) {}

    afterInit(server: { use(middleware: unknown): void }): void {
      server.use(this.sockets.middleware);
    }

    handleConnection(): void {
      MiddlewareGateway.connected += 1;
    }

    @SubscribeMessage('guarded')
    @UseGuards(AuthentifyGuard)
    guarded(@CurrentUser('id') id: number): object {
      return { event: 'id', data: id };
    }
  }

  let t: TestApp;
  let issued: IssuedTokens;
  let user: User;
  const clients: Client[] = [];
  const open = async (headers: Record<string, string>, options: object = {}): Promise<Client> => {
    const client = await connect('socket.io', t.url, headers, options);
    clients.push(client);
    return client;
  };
  const refusal = (headers: Record<string, string>, options: object = {}): Promise<Error & { data?: unknown }> =>
    open(headers, options).then(
      () => Promise.reject(new Error('connected')),
      (error: Error) => error,
    );
  beforeEach(async () => {
    MiddlewareGateway.connected = 0;
    t = await startApp({
      providers: [MiddlewareGateway],
      configure: (app) => app.useWebSocketAdapter(ADAPTER_OF['socket.io'](app)),
    });
    t.app.useLogger(false);
    user = await t.createUser();
    issued = await t.tokens.generateHeaderToken(user);
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await t.close();
  });

  it('refuses in its middleware, before anybody is connected, and says why', async () => {
    const error = await refusal(bearer('bad'));
    expect([error.message, error.data]).toEqual(['Unauthorized', INVALID_TOKEN]);
    expect(MiddlewareGateway.connected).toBe(0);
    const client = await open(bearer(issued.accessToken));
    expect(await t.statements.during(() => client.ask('guarded'))).toEqual([]);
    await t.tokens.revokeToken(issued.token);
    expect(await client.closed).toEqual({ reason: 'io server disconnect' });
  });

  it.each(['websocket', 'polling'])('takes the token its client gives as auth, over %s', async (transport) => {
    const withToken = (token: unknown) => ({ transports: [transport], auth: { token } });
    const client = await open({}, withToken(issued.accessToken));
    expect(await client.ask('guarded')).toMatchObject({ data: user.id });
    const inCookie = await t.tokens.generateCookieToken(user);
    const bad = [inCookie.accessToken, issued.refreshToken, `Bearer ${issued.accessToken}`, 'bad', 7, {}, [], true];
    for (const token of bad) {
      // Something bad decides, whatever else the client presents.
      const error = await refusal(bearer(issued.accessToken), withToken(token));
      expect(error.data, String(token)).toEqual(INVALID_TOKEN);
    }
    for (const nothing of ['', null, undefined]) {
      expect((await refusal({}, withToken(nothing))).data).toEqual(INVALID_TOKEN);
      expect(await open(bearer(issued.accessToken), withToken(nothing))).toBeDefined();
    }
  });

  it('R55: counts the GET that starts polling as unsafe', async () => {
    const session = await t.tokens.generateCookieToken(user);
    const polling = { transports: ['polling'] };
    const headers = cookie(session.accessToken);
    const foreigners: Record<string, string>[] = [{}, { Origin: 'https://evil.example' }];
    for (const foreign of foreigners) {
      expect((await refusal({ ...headers, ...foreign }, polling)).message).toBe('Forbidden');
    }
    // Pages of the app itself send no Origin with this GET, but say where they come from.
    expect(await open({ ...headers, 'Sec-Fetch-Site': 'same-origin' }, polling)).toBeDefined();
    expect(await open({ ...headers, Origin: t.url }, polling)).toBeDefined();
  });
});
