import type { IssuedTokens } from 'nestjs-authentify';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { foreign } from '../foreign/driver.js';
import { bearer, cookie } from '../requests/client.js';
import { ANONYMOUS, INVALID_TOKEN } from '../requests/controllers.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { type Driver, type Place, PLACES } from './drivers/driver.js';
import { graphql, SERVER_NAMES, subscriptions } from './drivers/graphql.js';
import { http } from './drivers/http.js';
import { sockets } from './drivers/sockets.js';

const DRIVERS: Driver[] = [
  ...ADAPTERS.map(http),
  ...ADAPTERS.map(foreign),
  ...ADAPTERS.flatMap((adapter) => [sockets('socket.io', adapter), sockets('ws', adapter)]),
  ...SERVER_NAMES.map(graphql),
  ...SERVER_NAMES.map(subscriptions),
];

const NOW = Date.UTC(2026, 0, 15, 12);
const UNAVAILABLE = { statusCode: 503, message: 'Service Unavailable' };

type Transport = 'header' | 'cookie';

/** Every way for a credential to be no good, as the raw value that is presented. */
const BAD_CREDENTIALS = {
  malformed: async () => 'malformed',
  unknown: async (t, { accessToken, token }) => {
    await t.dataSource.getRepository(t.tokenEntity).delete({ id: token.id });
    return accessToken;
  },
  expired: async (_t, { accessToken, token }) => {
    vi.setSystemTime(token.expiresAt!);
    return accessToken;
  },
  revoked: async (t, { accessToken, token }) => {
    await t.tokens.revokeToken(token);
    return accessToken;
  },
  rotated: async (t, { accessToken, refreshToken }) => {
    await t.tokens.refreshToken(refreshToken!);
    return accessToken;
  },
  'refresh token': async (_t, { refreshToken }) => refreshToken!,
} satisfies Record<string, (t: TestApp, issued: IssuedTokens) => Promise<string>>;
type Cause = keyof typeof BAD_CREDENTIALS;

type Outcome = 'session' | 'anonymous' | 'denied';

/** Who is let in where: in the session, as nobody, or not at all. */
const TABLE = {
  none: { header: 'denied', cookie: 'denied', either: 'denied', optional: 'anonymous', public: 'anonymous' },
  'good header': { header: 'session', cookie: 'denied', either: 'session', optional: 'session', public: 'anonymous' },
  'good cookie': { header: 'denied', cookie: 'session', either: 'session', optional: 'session', public: 'anonymous' },
  bad: { header: 'denied', cookie: 'denied', either: 'denied', optional: 'denied', public: 'anonymous' },
} satisfies Record<string, Record<Place, Outcome>>;

describe.each(DRIVERS)('the table of who is let in, on $name', ({ setup, ask }) => {
  let t: TestApp;
  beforeAll(async () => {
    t = await startApp({ ...setup(), options: { tokenTtl: '10m', refreshTokenTtl: '1h' } });
  });
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  });
  afterAll(() => t.close());

  const login = async (transport: Transport): Promise<IssuedTokens> => {
    const user = await t.createUser();
    return transport === 'header' ? t.tokens.generateHeaderToken(user) : t.tokens.generateCookieToken(user);
  };
  /** As a page of the app itself sends it. */
  const headersOf = (transport: Transport, token: string): Record<string, string> =>
    transport === 'header' ? bearer(token) : { ...cookie(token), Origin: t.url };

  it('without a credential', async () => {
    for (const place of PLACES) {
      const expected = TABLE.none[place] === 'anonymous' ? ANONYMOUS : INVALID_TOKEN;
      expect(await ask(t, place, {}), place).toEqual(expected);
    }
  });

  it.each(['header', 'cookie'] as const)('with a good %s', async (transport) => {
    const issued = await login(transport);
    const session = { user: Number(issued.token.userId), session: issued.token.id };
    for (const place of PLACES) {
      const expected = { session, anonymous: ANONYMOUS, denied: INVALID_TOKEN }[TABLE[`good ${transport}`][place]];
      expect(await ask(t, place, headersOf(transport, issued.accessToken)), place).toEqual(expected);
    }
  });

  it.each(
    (['header', 'cookie'] as const).flatMap((transport) =>
      (Object.keys(BAD_CREDENTIALS) as Cause[]).map((cause) => [cause, transport] as const),
    ),
  )('R60: with a credential that is %s, as %s', async (cause, transport) => {
    const token = await BAD_CREDENTIALS[cause](t, await login(transport));
    for (const place of PLACES) {
      const expected = TABLE.bad[place] === 'anonymous' ? ANONYMOUS : INVALID_TOKEN;
      expect(await ask(t, place, headersOf(transport, token)), place).toEqual(expected);
    }
  });

  it.each(['header', 'cookie'] as const)('R20: with a token of the other transport, as %s', async (transport) => {
    const { accessToken } = await login(transport === 'header' ? 'cookie' : 'header');
    for (const place of PLACES) {
      const expected = TABLE.bad[place] === 'anonymous' ? ANONYMOUS : INVALID_TOKEN;
      expect(await ask(t, place, headersOf(transport, accessToken)), place).toEqual(expected);
    }
  });

  it('R62: in an outage, where it would have to be asked for', async () => {
    t.app.useLogger(false);
    const [header, inCookie] = [await login('header'), await login('cookie')];
    await t.dataSource.destroy();
    try {
      expect(await ask(t, 'header', bearer(header.accessToken))).toEqual(UNAVAILABLE);
      for (const place of ['cookie', 'either', 'optional'] as const) {
        expect(await ask(t, place, headersOf('cookie', inCookie.accessToken)), place).toEqual(UNAVAILABLE);
      }
      expect(await ask(t, 'either', bearer('malformed'))).toEqual(INVALID_TOKEN);
      expect(await ask(t, 'optional', {})).toEqual(ANONYMOUS);
      expect(await ask(t, 'public', bearer(header.accessToken))).toEqual(ANONYMOUS);
    } finally {
      await t.dataSource.initialize();
    }
    // The database of sql.js is gone with its connection, and the session with it.
    const session = { user: Number(header.token.userId), session: header.token.id };
    const expected = DATABASE === 'sqljs' ? INVALID_TOKEN : session;
    expect(await ask(t, 'header', bearer(header.accessToken))).toEqual(expected);
  });
});
