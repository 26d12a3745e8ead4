import { UseGuards } from '@nestjs/common';
import { Int, Query, Resolver, Subscription } from '@nestjs/graphql';
import { AuthentifyGuard, CurrentUser, HeaderAuthGuard } from 'nestjs-authentify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bearer, cookie } from '../requests/client.js';
import { startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { connectGraphql, firstEvent, graphqlApp, SERVER_NAMES } from './drivers/graphql.js';

const CROSS_SITE = { statusCode: 403, message: 'Forbidden', errorCode: 'cross_site_request' };
const TICKS = 'subscription { ticks }';

type Tick = { ticks: number };

/** A source of events: one, then silence until somebody ends it. */
class Ticks implements AsyncIterableIterator<Tick> {
  static last: Ticks;
  readonly ended: Promise<IteratorReturnResult<undefined>>;
  private end!: () => void;
  private readonly events: Tick[];

  constructor(userId: number) {
    this.events = [{ ticks: userId }];
    this.ended = new Promise((resolve) => {
      this.end = () => resolve({ value: undefined, done: true });
    });
    Ticks.last = this;
  }

  async next(): Promise<IteratorResult<Tick, undefined>> {
    const value = this.events.shift();
    return value ? { value, done: false } : this.ended;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.end();
    return this.ended;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

@Resolver()
class TicksResolver {
  @Query(() => Int)
  @UseGuards(HeaderAuthGuard)
  me(@CurrentUser('id') id: number): number {
    return id;
  }

  @Subscription(() => Int)
  @UseGuards(AuthentifyGuard)
  ticks(@CurrentUser() { id }: User): Ticks {
    return new Ticks(id);
  }
}

describe.each(SERVER_NAMES)('subscriptions of %s', (server) => {
  let t: TestApp;
  let user: User;
  let dispose: (() => unknown) | undefined;
  beforeEach(async () => {
    const driver =
      server === 'Mercurius'
        ? { subscription: { context: (socket: object) => ({ socket }), fullWsTransport: true } }
        : {};
    t = await startApp(graphqlApp(server, [TicksResolver], driver));
    t.app.useLogger(false);
    user = await t.createUser();
  });
  afterEach(async () => {
    await dispose?.();
    await t.close();
  });
  const connect = (headers: Record<string, string>, params: Record<string, unknown> = {}) => {
    const client = connectGraphql(t, headers, params);
    ({ dispose } = client);
    return client;
  };

  it('end when their session does: the socket is closed', async () => {
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    const client = connect({}, bearer(accessToken));
    const closed = new Promise((resolve) => {
      client.on('closed', resolve);
    });
    const events = client.iterate({ query: TICKS });
    expect(await events.next()).toMatchObject({ value: { data: { ticks: user.id } } });
    await t.tokens.revokeToken(token);
    expect(await closed).toMatchObject({ code: 4401, reason: 'Unauthorized' });
    await Ticks.last.ended;
  });

  it('of one socket are authenticated once', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const client = connect({}, bearer(accessToken));
    const first = client.iterate({ query: TICKS });
    await first.next();
    const statements = await t.statements.during(async () => {
      expect((await firstEvent(client, TICKS)).data).toEqual({ ticks: user.id });
      expect((await firstEvent(client, '{ me }')).data).toEqual({ me: user.id });
    });
    expect(statements).toEqual([]);
  });

  it.each(['authorization', 'AUTHORIZATION'])('take %s as the client said it', async (name) => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const client = connect({}, { [name]: `Bearer ${accessToken}` });
    expect((await firstEvent(client, TICKS)).data).toEqual({ ticks: user.id });
  });

  it('take the header of a client that can set it, and go by what it says afterwards', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    expect((await firstEvent(connect(bearer(accessToken)), TICKS)).data).toEqual({ ticks: user.id });
    await dispose?.();
    expect((await firstEvent(connect(bearer(accessToken), bearer('bad')), TICKS)).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED' } },
    ]);
  });

  it('refuse what is no text', async () => {
    expect((await firstEvent(connect({}, { Authorization: ['Bearer', 'x'] }), TICKS)).errors).toMatchObject([
      { extensions: { code: 'BAD_REQUEST', originalError: { errorCode: 'invalid_request' } } },
    ]);
  });

  it.each([
    ['another site', { Origin: 'https://evil.example' }],
    ['a sibling', { Origin: 'https://sibling.127.0.0.1.example', 'Sec-Fetch-Site': 'same-site' }],
    ['nobody', {}],
  ])('R55: with a cookie need an origin: of %s', async (_site, headers: Record<string, string>) => {
    const { accessToken } = await t.tokens.generateCookieToken(user);
    const client = connect({ ...cookie(accessToken), ...headers });
    const { errors } = await firstEvent(client, TICKS);
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', originalError: CROSS_SITE } }]);
  });

  it('R55: believe no site that a page names in its connection parameters', async () => {
    const { accessToken } = await t.tokens.generateCookieToken(user);
    const params = { 'sec-fetch-site': 'same-origin', origin: t.url, host: 'evil.example', upgrade: 'h2c' };
    const client = connect({ ...cookie(accessToken), Origin: 'https://evil.example' }, params);
    const { errors } = await firstEvent(client, TICKS);
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', originalError: CROSS_SITE } }]);
  });

  it('R55: with a cookie pass from the app’s own pages', async () => {
    const { accessToken } = await t.tokens.generateCookieToken(user);
    const client = connect({ ...cookie(accessToken), Origin: t.url });
    expect((await firstEvent(client, TICKS)).data).toEqual({ ticks: user.id });
  });
});

describe('subscriptions of Mercurius without the socket in their context', () => {
  it('stay closed, and say what to do', async () => {
    const t = await startApp(graphqlApp('Mercurius', [TicksResolver], { subscription: true }));
    t.app.useLogger(false);
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    const client = connectGraphql(t, {}, bearer(accessToken));
    try {
      expect((await firstEvent(client, TICKS)).errors).toMatchObject([
        { message: expect.stringContaining('subscription: { context: (socket) => ({ socket }) }') },
      ]);
    } finally {
      await client.dispose();
      await t.close();
    }
  });
});
