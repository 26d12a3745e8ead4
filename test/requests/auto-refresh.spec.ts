import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Header,
  HttpException,
  Injectable,
  Logger,
  Req,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import {
  AuthentifyConfigurationError,
  AuthentifyEvents,
  AuthentifyGuard,
  type AuthentifyOptions,
  AutoRefreshInterceptor,
  CookieAuthGuard,
  CurrentToken,
  HeaderAuthGuard,
  type IssuedTokens,
} from 'nestjs-authentify';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { User } from '../support/users.js';
import { type Answer, bearer, cookie, meetingOf, send } from './client.js';
import {
  GuardedController,
  INVALID_TOKEN,
  type MaybeAuthenticated,
  PlainController,
  type Whoami,
  whoami,
} from './controllers.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What another client or node does between this request's guard and its slide. */
@Injectable()
class Meanwhile implements CanActivate {
  happens: (token: { id: string }) => Promise<unknown> = async () => {};

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { auth } = context.switchToHttp().getRequest<MaybeAuthenticated>();
    await this.happens(auth!);
    return true;
  }
}

@Controller('slow')
class SlowController {
  handled = 0;

  @Get('header')
  @UseGuards(HeaderAuthGuard, Meanwhile)
  header(@CurrentToken('expiresAt') expiresAt: Date): object {
    this.handled += 1;
    return { expiresAt };
  }

  @Get('cookie')
  @UseGuards(CookieAuthGuard, Meanwhile)
  cookie(@CurrentToken('expiresAt') expiresAt: Date): object {
    this.handled += 1;
    return { expiresAt };
  }

  @Get('either')
  @UseGuards(AuthentifyGuard, Meanwhile)
  either(): object {
    this.handled += 1;
    return {};
  }
}

@Controller('handlers')
@UseGuards(CookieAuthGuard)
class HandlersController {
  @Get('throws')
  throws(): never {
    throw new HttpException('teapot', 418);
  }

  @Get('cached')
  @Header('Cache-Control', 'public, max-age=3600')
  cached(): object {
    return {};
  }
}

@Controller('chosen')
@UseGuards(HeaderAuthGuard)
class ChosenController {
  @Get('sliding')
  @UseInterceptors(AutoRefreshInterceptor)
  sliding(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }

  @Get('still')
  still(@Req() request: MaybeAuthenticated): Whoami {
    return whoami(request);
  }
}

const SLIDING: AuthentifyOptions<User> = {
  tokenTtl: '1h',
  refreshTokenTtl: '1d',
  autoRefreshInterval: '5m',
  autoRefreshMaxTtl: '30d',
};

/** A row's instants, relative to the login at `NOW`. */
interface Instants {
  lastRefreshedAt: number;
  expiresAt: number | null;
  refreshUntil: number | null;
}

describe.each(ADAPTERS)('auto-refresh on %s', (adapter) => {
  let t: TestApp;
  let user: User;
  const start = async (options: AuthentifyOptions<User> = {}, setup: Setup = {}): Promise<void> => {
    t = await startApp({
      adapter,
      controllers: [GuardedController, PlainController, SlowController, HandlersController],
      providers: [Meanwhile],
      options: { ...SLIDING, ...options } as never,
      extras: { autoRefresh: true },
      ...setup,
    });
    t.app.useLogger(false);
    user = await t.createUser();
  };
  const byHeader = ({ accessToken }: IssuedTokens, path = '/guarded/header'): Promise<Answer> =>
    send(t.url + path, { headers: bearer(accessToken) });
  const byCookie = ({ accessToken }: IssuedTokens, path = '/guarded/cookie', name?: string): Promise<Answer> =>
    send(t.url + path, { headers: cookie(accessToken, name) });
  const updatesDuring = async (work: () => Promise<unknown>): Promise<string[]> =>
    (await t.statements.during(work)).filter((sql) => !sql.startsWith('SELECT'));
  const row = async ({ token }: IssuedTokens): Promise<Instants | null> => {
    const found = (await t.rows()).find(({ id }) => id === token.id);
    if (!found) return null;
    const since = (column: string): number | null => (found[column] === null ? null : Number(found[column]) - NOW);
    return {
      lastRefreshedAt: since('last_refreshed_at') ?? Number.NaN,
      expiresAt: since('expires_at'),
      refreshUntil: since('refresh_until'),
    };
  };
  const table = (): string =>
    t.dataSource
      .getMetadata(t.tokenEntity)
      .tablePath.split('.')
      .map((part) => t.dataSource.driver.escape(part))
      .join('.');

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  });
  afterEach(() => t.close());

  it('slides only when the interval has passed, by the lifetimes of the session', async () => {
    await start();
    const session = await t.tokens.generateHeaderToken(user);

    vi.setSystemTime(NOW + 5 * MINUTE - 1);
    expect(await updatesDuring(() => byHeader(session))).toEqual([]);
    expect(await row(session)).toEqual({ lastRefreshedAt: 0, expiresAt: HOUR, refreshUntil: DAY });

    vi.setSystemTime(NOW + 5 * MINUTE);
    expect(await updatesDuring(() => byHeader(session))).toEqual([expect.stringMatching(/^UPDATE/)]);
    const moved = { lastRefreshedAt: 5 * MINUTE, expiresAt: 5 * MINUTE + HOUR, refreshUntil: 5 * MINUTE + DAY };
    expect(await row(session)).toEqual(moved);

    vi.setSystemTime(NOW + 10 * MINUTE - 1);
    expect(await updatesDuring(() => byHeader(session))).toEqual([]);
    expect(await row(session)).toEqual(moved);
  });

  it('keeps a session in use alive past its first expiry, and lets an unused one die', async () => {
    await start();
    const [used, unused] = [await t.tokens.generateHeaderToken(user), await t.tokens.generateHeaderToken(user)];
    for (let minutes = 50; minutes <= 200; minutes += 50) {
      vi.setSystemTime(NOW + minutes * MINUTE);
      expect((await byHeader(used)).status).toBe(200);
    }
    expect((await byHeader(unused)).status).toBe(401);
  });

  it('works for cookies and under the plain AuthGuard too', async () => {
    await start();
    const session = await t.tokens.generateCookieToken(user);
    vi.setSystemTime(NOW + 6 * MINUTE);
    const answer = await byCookie(session, '/plain/cookie');
    expect(answer.cookies).toHaveLength(1);
    expect((await row(session))?.expiresAt).toBe(6 * MINUTE + HOUR);
  });

  it('a token with lifetimes of its own keeps them', async () => {
    await start({ autoRefreshInterval: '1m' });
    const session = await t.tokens.generateHeaderToken(user, { accessExpiresIn: '5m', refreshExpiresIn: '20m' });
    for (const minutes of [2, 4]) {
      vi.setSystemTime(NOW + minutes * MINUTE);
      expect((await byHeader(session)).status).toBe(200);
      expect(await row(session)).toEqual({
        lastRefreshedAt: minutes * MINUTE,
        expiresAt: (minutes + 5) * MINUTE,
        refreshUntil: (minutes + 20) * MINUTE,
      });
    }
  });

  it('R42: a token without refresh token gets no refresh deadline', async () => {
    await start();
    const session = await t.tokens.generateHeaderToken(user, { refreshExpiresIn: null });
    vi.setSystemTime(NOW + 10 * MINUTE);
    expect((await byHeader(session)).status).toBe(200);
    expect(await row(session)).toEqual({
      lastRefreshedAt: 10 * MINUTE,
      expiresAt: 10 * MINUTE + HOUR,
      refreshUntil: null,
    });
  });

  it('R42: a token that never expires is left alone and goes on working', async () => {
    await start({ sessionMaxTtl: null });
    const session = await t.tokens.generateHeaderToken(user, { accessExpiresIn: null, refreshExpiresIn: null });
    for (const later of [DAY, 60 * DAY]) {
      vi.setSystemTime(NOW + later);
      let status = 0;
      const updates = await updatesDuring(async () => {
        ({ status } = await byHeader(session));
      });
      expect([status, updates]).toEqual([200, []]);
    }
    expect(await row(session)).toEqual({ lastRefreshedAt: 0, expiresAt: null, refreshUntil: null });
  });

  it('R25, R42: the last slide reaches the absolute end exactly, and nothing passes it', async () => {
    await start({ autoRefreshMaxTtl: '90m' });
    const session = await t.tokens.generateHeaderToken(user);
    expect(await row(session)).toEqual({ lastRefreshedAt: 0, expiresAt: HOUR, refreshUntil: 90 * MINUTE });

    vi.setSystemTime(NOW + 45 * MINUTE);
    expect((await byHeader(session)).status).toBe(200);
    const clamped = { expiresAt: 90 * MINUTE, refreshUntil: 90 * MINUTE };
    expect(await row(session)).toMatchObject(clamped);

    vi.setSystemTime(NOW + 90 * MINUTE - 1);
    expect(await updatesDuring(() => byHeader(session))).toEqual([]);
    expect(await row(session)).toMatchObject(clamped);
    vi.setSystemTime(NOW + 90 * MINUTE);
    expect((await byHeader(session)).status).toBe(401);
  });

  it('R25: autoRefreshMaxTtl ends sliding where the session itself may live longer by rotation', async () => {
    await start({ autoRefreshMaxTtl: '90m', sessionMaxTtl: '10d' });
    const session = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 45 * MINUTE);
    await byHeader(session);
    expect((await row(session))?.expiresAt).toBe(90 * MINUTE);
    expect((await row(session))?.refreshUntil).toBeGreaterThanOrEqual(DAY);
  });

  it('R28: a clock that was set back shortens nothing', async () => {
    await start({ autoRefreshInterval: 0 });
    const session = await t.tokens.generateHeaderToken(user);
    const before = await row(session);
    vi.setSystemTime(NOW - 10 * MINUTE);
    expect((await byHeader(session)).status).toBe(200);
    expect(await row(session)).toEqual(before);
  });

  it('writes the cookie again, under the name it came by, with what is left of the row', async () => {
    await start({ authCookieNames: ['sid', 'old-sid'] });
    const session = await t.tokens.generateCookieToken(user);
    expect((await byCookie(session, '/guarded/cookie', 'old-sid')).cookies).toEqual([]);

    vi.setSystemTime(NOW + 20 * MINUTE);
    const { cookies, headers } = await byCookie(session, '/guarded/cookie', 'old-sid');
    expect(cookies).toEqual([`old-sid=${session.accessToken}; Max-Age=3600; Path=/; HttpOnly; Secure; SameSite=Lax`]);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('writes no cookie for a token that came in the header', async () => {
    await start();
    const session = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 20 * MINUTE);
    const { status, cookies } = await byHeader(session, '/guarded/either');
    expect([status, cookies]).toEqual([200, []]);
    expect((await row(session))?.lastRefreshedAt).toBe(20 * MINUTE);
  });

  it('R59: the renewed cookie survives a handler that throws, and one that wants its answer cached', async () => {
    await start();
    const session = await t.tokens.generateCookieToken(user);
    vi.setSystemTime(NOW + 10 * MINUTE);
    const thrown = await byCookie(session, '/handlers/throws');
    vi.setSystemTime(NOW + 20 * MINUTE);
    const cached = await byCookie(session, '/handlers/cached');

    expect([thrown.status, cached.status]).toEqual([418, 200]);
    for (const { cookies, headers } of [thrown, cached]) {
      expect(cookies).toEqual([expect.stringContaining(`__Host-token=${session.accessToken}; Max-Age=3600;`)]);
      expect(headers['cache-control']).toBe('no-store');
    }
  });

  it('R41: 200 concurrent requests on one due session send one UPDATE', async () => {
    await start();
    const session = await t.tokens.generateHeaderToken(user);
    // All of them read the row before any of them extends it.
    t.app.get(Meanwhile).happens = meetingOf(200);
    vi.setSystemTime(NOW + 10 * MINUTE);
    let answers: Answer[] = [];
    const updates = await updatesDuring(async () => {
      answers = await Promise.all(Array.from({ length: 200 }, () => byHeader(session, '/slow/header')));
    });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ json }) => json.expiresAt))).toEqual(
      new Set([new Date(NOW + 10 * MINUTE + HOUR).toISOString()]),
    );
    expect(updates).toEqual([expect.stringMatching(/^UPDATE/)]);
    expect((await row(session))?.expiresAt).toBe(10 * MINUTE + HOUR);
  });

  it('R41: autoRefreshInterval 0 slides with every request', async () => {
    await start({ autoRefreshInterval: 0 });
    const session = await t.tokens.generateHeaderToken(user);
    for (const millisecond of [1, 2, 3]) {
      vi.setSystemTime(NOW + millisecond);
      expect(await updatesDuring(() => byHeader(session))).toHaveLength(1);
      expect((await row(session))?.expiresAt).toBe(HOUR + millisecond);
    }
  });

  it.each([true, false])(
    'R43: a session revoked between guard and slide is a 401 and stays ended (keepExpiredTokens: %s)',
    async (keepExpiredTokens) => {
      await start({ keepExpiredTokens });
      const session = await t.tokens.generateCookieToken(user);
      t.app.get(Meanwhile).happens = (token) => t.tokens.revokeToken(token);
      vi.setSystemTime(NOW + 10 * MINUTE);

      const { status, json, cookies } = await byCookie(session, '/slow/cookie');
      expect([status, json, cookies]).toEqual([401, INVALID_TOKEN, []]);
      expect(t.app.get(SlowController).handled).toBe(0);
      const rows = await t.rows();
      expect(rows.map((one) => Number(one.revoked_at) - NOW)).toEqual(keepExpiredTokens ? [10 * MINUTE] : []);
      expect((await row(session))?.expiresAt ?? HOUR).toBe(HOUR);
      expect((await byCookie(session)).status).toBe(401);
    },
  );

  it('R43: a token rotated away between guard and slide is a 401, and its successor is left alone', async () => {
    await start();
    const session = await t.tokens.generateHeaderToken(user);
    let successor: IssuedTokens | null = null;
    t.app.get(Meanwhile).happens = async () => {
      successor = await t.tokens.refreshToken(session.refreshToken!);
    };
    vi.setSystemTime(NOW + 10 * MINUTE);
    expect((await byHeader(session, '/slow/header')).status).toBe(401);
    expect((await byHeader(successor!)).status).toBe(200);
  });

  it.each(['/slow/header', '/slow/cookie', '/slow/either'])(
    'R60: the 401 of a session that ended meanwhile is the one of its route: %s',
    async (path) => {
      await start();
      const inCookie = path !== '/slow/header';
      const session = inCookie ? await t.tokens.generateCookieToken(user) : await t.tokens.generateHeaderToken(user);
      t.app.get(Meanwhile).happens = (token) => t.tokens.revokeToken(token);
      vi.setSystemTime(NOW + 10 * MINUTE);

      const request = () => (inCookie ? byCookie(session, path) : byHeader(session, path));
      const [meanwhile, afterwards] = [await request(), await request()];
      const shown = ({ status, text, headers }: Answer) => ({ status, text, headers: { ...headers, date: '' } });
      expect(meanwhile.status).toBe(401);
      expect(shown(meanwhile)).toEqual(shown(afterwards));
    },
  );

  it('R43: where another node was faster the request goes on, with what that node wrote', async () => {
    await start();
    const session = await t.tokens.generateCookieToken(user);
    t.app.get(Meanwhile).happens = ({ id }) =>
      t.app
        .get(DataSource)
        .getRepository(t.tokenEntity)
        .update({ id }, { lastRefreshedAt: new Date(NOW + 8 * MINUTE), expiresAt: new Date(NOW + 8 * MINUTE + HOUR) });
    vi.setSystemTime(NOW + 10 * MINUTE);

    const { status, json, cookies } = await byCookie(session, '/slow/cookie');
    expect([status, json]).toEqual([200, { expiresAt: new Date(NOW + 8 * MINUTE + HOUR).toISOString() }]);
    expect(cookies).toEqual([expect.stringContaining('Max-Age=3480;')]);
    expect((await row(session))?.lastRefreshedAt).toBe(8 * MINUTE);
  });

  it('the handler sees the token as it is after the slide', async () => {
    await start();
    const session = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 10 * MINUTE);
    const { json } = await byHeader(session, '/slow/header');
    expect(json).toEqual({ expiresAt: new Date(NOW + 10 * MINUTE + HOUR).toISOString() });
  });

  it('R44: a write that fails lets the request go on, is logged, and is tried again by a later request', async () => {
    await start();
    const session = await t.tokens.generateCookieToken(user);
    const errors: string[] = [];
    Logger.overrideLogger({ log() {}, warn() {}, error: (...parts: unknown[]) => errors.push(parts.join(' ')) });
    vi.setSystemTime(NOW + 10 * MINUTE);

    const writable = await refuseUpdates(t.dataSource, table());
    const during = await byCookie(session, '/slow/cookie');
    await writable();
    const afterwards = await byCookie(session, '/slow/cookie');
    Logger.overrideLogger(false);

    expect([during.status, during.cookies]).toEqual([200, []]);
    expect(during.json).toEqual({ expiresAt: new Date(NOW + HOUR).toISOString() });
    expect(errors.filter((line) => line.includes('could not be extended'))).toHaveLength(1);
    expect(errors.join()).not.toMatch(/UPDATE |auth_tokens|af_at_|read-only/);
    expect([afterwards.status, afterwards.cookies.length]).toEqual([200, 1]);
    expect((await row(session))?.lastRefreshedAt).toBe(10 * MINUTE);
  });

  it('tells its events', async () => {
    await start();
    const session = await t.tokens.generateHeaderToken(user);
    const types: string[] = [];
    t.app.get(AuthentifyEvents).subscribe(({ type }) => types.push(type));
    await byHeader(session);
    vi.setSystemTime(NOW + 10 * MINUTE);
    await byHeader(session);
    expect(types).toEqual(['authenticated', 'authenticated', 'slid']);
  });

  it('registers nothing and costs nothing when off', async () => {
    await start({}, { extras: {} });
    const session = await t.tokens.generateCookieToken(user);
    vi.setSystemTime(NOW + 10 * MINUTE);
    let answer: Answer | undefined;
    const statements = await t.statements.during(async () => {
      answer = await byCookie(session);
    });
    expect([answer!.status, answer!.cookies]).toEqual([200, []]);
    expect(statements).toEqual([expect.stringMatching(/^SELECT/)]);
    expect(() => t.app.get(AutoRefreshInterceptor)).toThrow();
  });

  it('works on single routes by @UseInterceptors, without the extra', async () => {
    const options = { tokenTtl: '1h', refreshTokenTtl: '1d', autoRefreshInterval: '5m' };
    await start({}, { controllers: [ChosenController], extras: {}, options });
    const session = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + 10 * MINUTE);
    expect(await updatesDuring(() => byHeader(session, '/chosen/still'))).toEqual([]);
    expect(await updatesDuring(() => byHeader(session, '/chosen/sliding'))).toHaveLength(1);
    expect((await row(session))?.expiresAt).toBe(10 * MINUTE + HOUR);
  });
});

describe('auto-refresh without its options', () => {
  it('R67: stops the boot, also where the interceptor stands on a single route', async () => {
    const options = { tokenTtl: '1h', refreshTokenTtl: '1d' };
    const boots = [
      startApp({ options, extras: { autoRefresh: true } }),
      startApp({ options: { ...options, autoRefreshInterval: '5m' }, extras: { autoRefresh: true } }),
      startApp({ options: { ...options, autoRefreshMaxTtl: '5d' }, extras: { autoRefresh: true } }),
      startApp({ options, controllers: [ChosenController] }),
    ];
    for (const outcome of await Promise.allSettled(boots)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(AuthentifyConfigurationError) });
    }
  });
});

/** Makes a table read-only by a trigger; the returned function makes it writable again. */
async function refuseUpdates(dataSource: DataSource, table: string): Promise<() => Promise<void>> {
  const schema = table.includes('.') ? `${table.split('.', 1)[0]}.` : '';
  const [create, drop]: [string[], string[]] = {
    sqljs: [
      [`CREATE TRIGGER refuse BEFORE UPDATE ON ${table} BEGIN SELECT RAISE(ABORT, 'read-only'); END`],
      ['DROP TRIGGER refuse'],
    ] as [string[], string[]],
    mariadb: [
      [
        `CREATE TRIGGER refuse BEFORE UPDATE ON ${table} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'read-only'`,
      ],
      ['DROP TRIGGER refuse'],
    ] as [string[], string[]],
    postgres: [
      [
        `CREATE FUNCTION ${schema}refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'read-only'; END $$`,
        `CREATE TRIGGER refuse BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${schema}refuse()`,
      ],
      [`DROP TRIGGER refuse ON ${table}`, `DROP FUNCTION ${schema}refuse()`],
    ] as [string[], string[]],
  }[DATABASE as 'sqljs' | 'mariadb' | 'postgres'];
  for (const sql of create) await dataSource.query(sql);
  return async () => {
    for (const sql of drop) await dataSource.query(sql);
  };
}
