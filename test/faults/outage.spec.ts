import { Controller, HttpCode, Post, Req, Res, UnauthorizedException } from '@nestjs/common';
import { Public, TokenCookies, TokenService, type IssuedTokens } from 'nestjs-authentify';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, bearer, cookie, send } from '../requests/client.js';
import {
  GuardedController,
  OptionalController,
  PlainController,
  type MaybeAuthenticated,
} from '../requests/controllers.js';
import { type Adapter, ADAPTERS, startApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { User } from '../support/users.js';
import { errorsDuring, eventsOf, type FaultyApp, IS_SERVER, startBehindProxy, tableOf } from './faults.js';

const UNAVAILABLE = { statusCode: 503, message: 'Service Unavailable' };
const MISERIES = IS_SERVER ? (['refused', 'reset', 'silent', 'table away'] as const) : (['table away'] as const);
type Misery = (typeof MISERIES)[number];

/** How long the drivers wait for a server that says nothing; long enough for one that is only busy. */
const PATIENCE = 750;
const IMPATIENT =
  DATABASE === 'postgres' ? { extra: { max: 10, connectionTimeoutMillis: PATIENCE } } : { connectTimeout: PATIENCE };

/** Login and refresh in cookies, as an app writes them. */
@Controller('session')
@Public()
class SessionController {
  constructor(
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
    private readonly dataSource: DataSource,
  ) {}

  @Post()
  async login(@Res({ passthrough: true }) response: object): Promise<object> {
    const issued = await this.tokens.generateCookieToken(userOfLogin.id);
    this.cookies.set(response, issued);
    return { users: this.dataSource.isInitialized };
  }

  @Post('refresh')
  @HttpCode(200)
  async refresh(@Req() request: MaybeAuthenticated, @Res({ passthrough: true }) response: object): Promise<object> {
    const issued = await this.tokens.refreshToken(this.cookies.refreshTokenFrom(request) ?? '', { authType: 'cookie' });
    if (!issued) throw new UnauthorizedException();
    this.cookies.set(response, issued);
    return {};
  }
}
let userOfLogin: User;

type Outage = Pick<FaultyApp, 'app' | 'url' | 'tokens' | 'createUser' | 'close' | 'events' | 'rows'> & {
  begin(misery: Misery): Promise<void>;
  end(misery: Misery): Promise<void>;
};

async function start(adapter: Adapter): Promise<Outage> {
  const setup = {
    adapter,
    controllers: [GuardedController, OptionalController, PlainController, SessionController],
    options: { keepExpiredTokens: true },
  };
  const behindProxy = IS_SERVER ? await startBehindProxy({ ...setup, dataSource: IMPATIENT as object }) : undefined;
  const t = behindProxy ?? (await startApp(setup));
  t.app.useLogger(false);
  const table = tableOf(t);
  const away = [...table.split('.').slice(0, -1), 'away'].join('.');
  return {
    ...t,
    events: behindProxy ? () => behindProxy.events() : eventsOf(t),
    begin: async (misery) => {
      if (misery === 'table away') {
        await t.dataSource.query(`ALTER TABLE ${table} RENAME TO ${DATABASE === 'postgres' ? 'away' : away}`);
      } else await behindProxy!.proxy.fail(misery);
    },
    end: async (misery) => {
      if (misery === 'table away') await t.dataSource.query(`ALTER TABLE ${away} RENAME TO auth_tokens`);
      else await behindProxy!.proxy.restore();
    },
  };
}

describe.each(ADAPTERS)('an outage on %s', (adapter) => {
  let t: Outage;
  beforeEach(async () => {
    t = await start(adapter);
    userOfLogin = await t.createUser();
  });
  afterEach(() => t.close());

  const visit = (header: IssuedTokens, inCookie: IssuedTokens): Promise<Answer[]> => {
    const [asHeader, asCookie] = [bearer(header.accessToken), cookie(inCookie.accessToken)];
    const routes: [path: string, headers: Record<string, string>][] = [
      ['/guarded/header', asHeader],
      ['/guarded/either', asHeader],
      ['/optional/header', asHeader],
      ['/optional/either', asHeader],
      ['/plain/header', asHeader],
      ['/guarded/cookie', asCookie],
      ['/guarded/either', asCookie],
      ['/optional/cookie', asCookie],
      ['/optional/either', asCookie],
      ['/plain/cookie', asCookie],
    ];
    return Promise.all(routes.map(([path, headers]) => send(t.url + path, { headers })));
  };
  const login = () => send(`${t.url}/session`, { method: 'POST' });
  const refresh = ({ refreshToken }: { refreshToken: string | null }) =>
    send(`${t.url}/session/refresh`, { method: 'POST', headers: cookie(refreshToken!, '__Host-refresh-token') });
  const everything = async (header: IssuedTokens, inCookie: IssuedTokens): Promise<Answer[]> =>
    (await Promise.all([visit(header, inCookie), login(), refresh(inCookie)])).flat();
  const shown = ({ status, json, headers, cookies }: Answer) => [status, json, headers['www-authenticate'], cookies];
  /** Asks again while the pool still finds connections that died. */
  const patiently = async (ask: () => Promise<Answer[]>): Promise<Answer[]> => {
    let answers = await ask();
    for (let tries = 0; tries < 10 && answers.some(({ status }) => status === 503); tries += 1) answers = await ask();
    return answers;
  };

  it.each(MISERIES)(
    'R62, R40: is 503 with one body on every route, login and refresh, and over without a restart (%s)',
    async (misery) => {
      const [header, inCookie] = [
        await t.tokens.generateHeaderToken(userOfLogin),
        await t.tokens.generateCookieToken(userOfLogin),
      ];
      t.events();
      for (let outage = 0; outage < 2; outage += 1) {
        await t.begin(misery);
        const during = await everything(header, inCookie);
        await t.end(misery);
        expect(during).toHaveLength(12);
        for (const answer of during) expect(shown(answer)).toEqual([503, UNAVAILABLE, undefined, []]);
        expect(t.events()).toEqual([]);

        const afterwards = await patiently(() => visit(header, inCookie));
        expect(new Set(afterwards.map(({ status }) => status))).toEqual(new Set([200]));
        const sessions = [header, inCookie].flatMap(({ token }) => Array.from({ length: 5 }, () => token.id));
        expect(afterwards.map(({ json }) => json.session)).toEqual(sessions);
        t.events();
      }
      const [renewed] = await patiently(async () => [await refresh(inCookie)]);
      expect([renewed!.status, renewed!.cookies.length]).toEqual([200, 2]);
      expect((await login()).status).toBe(201);
      expect((await t.rows()).map((row) => row.revoked_at)).toEqual([null, null, null]);
    },
  );

  it.each(MISERIES)('R16, R62: leaves alone what needs no database (%s)', async (misery) => {
    await t.begin(misery);
    const [malformed, anonymous] = [
      await send(`${t.url}/guarded/header`, { headers: bearer('malformed') }),
      await send(`${t.url}/optional/either`),
    ];
    await t.end(misery);
    expect([malformed.status, anonymous.status]).toEqual([401, 200]);
  });

  it.each(MISERIES)('R63: is logged without token, digest, parameter or SQL (%s)', async (misery) => {
    const [header, inCookie] = [
      await t.tokens.generateHeaderToken(userOfLogin),
      await t.tokens.generateCookieToken(userOfLogin),
    ];
    const rows = await t.rows();
    const answers: Answer[] = [];
    const errors = await errorsDuring(async () => {
      await t.begin(misery);
      answers.push(...(await everything(header, inCookie)));
      await t.end(misery);
    });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(errors.length).toBeGreaterThan(0);
    const told = errors.join('\n') + answers.map(({ text }) => text).join('\n');
    const digests = rows.flatMap((row) => [row.access_token_hash, row.refresh_token_hash, row.refresh_family_hash]);
    for (const secret of [header, inCookie].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken])) {
      expect(told).not.toContain(secret);
    }
    for (const digest of digests) expect(told).not.toContain(digest);
    expect(told).not.toMatch(/SELECT|INSERT|token_hash|af_(at|rt)_/);
  });
});

describe.each(ADAPTERS)('an outage that only a part of the app meets, on %s', (adapter) => {
  const part = { works: true };
  const ask = async (): Promise<void> => {
    if (!part.works) throw new Error('SELECT secret FROM elsewhere');
  };

  it.each(['postAuthHandler', 'isUserActive'] as const)(
    'R23: %s that throws denies as a server error, also on optional routes, and ends nothing',
    async (name) => {
      const t = await startApp({
        adapter,
        controllers: [GuardedController, OptionalController, PlainController],
        options:
          name === 'isUserActive'
            ? { isUserActive: () => ask().then(() => true) }
            : { postAuthHandler: (input) => ask().then(() => input) },
      });
      t.app.useLogger(false);
      try {
        const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
        const paths = ['/guarded/header', '/guarded/either', '/optional/header', '/plain/header'];
        const visit = () => Promise.all(paths.map((path) => send(t.url + path, { headers: bearer(accessToken) })));
        part.works = false;
        const during = await visit();
        if (name === 'isUserActive') await expect(t.tokens.refreshToken(refreshToken!)).rejects.toThrow();
        part.works = true;
        for (const { status, text, cookies } of during) {
          expect(status).toBeGreaterThanOrEqual(500);
          expect([text.includes('secret'), cookies]).toEqual([false, []]);
        }
        expect(new Set((await visit()).map(({ status }) => status))).toEqual(new Set([200]));
        expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
      } finally {
        part.works = true;
        await t.close();
      }
    },
  );
});

describe.skipIf(!IS_SERVER)('a database that ends its connections', () => {
  it('R62: costs at most a 503 each, never a session, and is over as soon as the pool has noticed', async () => {
    const t = await startBehindProxy({ controllers: [GuardedController] });
    try {
      const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
      const ask = () => send(`${t.url}/guarded/header`, { headers: bearer(accessToken) });
      const statuses = new Set<number>();
      for (let round = 0; round < 5; round += 1) {
        for (const { status } of await Promise.all(Array.from({ length: 10 }, ask))) statuses.add(status);
        t.proxy.cutAll();
        for (const { status } of await Promise.all(Array.from({ length: 10 }, ask))) statuses.add(status);
      }
      let answer = await ask();
      for (let tries = 0; tries < 10 && answer.status === 503; tries += 1) answer = await ask();
      expect(answer.status).toBe(200);
      expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    } finally {
      await t.close();
    }
  });
});
