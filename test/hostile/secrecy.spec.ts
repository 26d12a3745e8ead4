import { inspect } from 'node:util';
import {
  Controller,
  ForbiddenException,
  Get,
  HttpCode,
  Logger,
  type LoggerService,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import {
  type AuthenticatedRequest,
  AuthentifyEvents,
  AuthentifyGuard,
  AuthentifyModule,
  AutoRefreshInterceptor,
  type IncomingRequest,
  RequireContext,
  TokenCookies,
  TokenService,
} from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AuthHooks } from '../../lib/authentication/hooks.js';
import { AUTHENTIFY_OPTIONS } from '../../lib/constants.js';
import { type Answer, bearer, cookie, send } from '../requests/client.js';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const SECRET = 'this key signs digests and is nobody’s business';
const DEEP = { depth: 10, showHidden: true } as const;

/** Everything that anybody was told: logs, the console, events, answers, errors. */
const told: string[] = [];
const tell = (...things: unknown[]): void => {
  for (const thing of things) told.push(...shown(thing));
};

/** A thing in every form it may be logged in. */
function shown(thing: unknown): string[] {
  if (typeof thing === 'string') return [thing];
  const forms = [inspect(thing, DEEP), inspect(thing)];
  if (thing instanceof Error) forms.push(thing.stack ?? '', ...shown(thing.cause));
  for (const write of [String, JSON.stringify]) {
    try {
      forms.push(write(thing) ?? '');
    } catch {
      // What refers to itself has no JSON, and what has no prototype no string, to leak by.
    }
  }
  return forms;
}

const recorder = Object.fromEntries(
  ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'].map((level) => [level, (...args: unknown[]) => tell(...args)]),
) as unknown as LoggerService;

/** Called while a request is under way. */
let duringRequest: (() => void) | null = null;
let postAuthHandler: 'passes' | 'throws' | 'forbids' | 'returns nothing' = 'passes';

@Controller()
class LifeController {
  constructor(
    private readonly tokens: TokenService,
    private readonly cookies: TokenCookies,
  ) {}

  @Post('login/header')
  loginByHeader() {
    return this.tokens.generateHeaderToken(1, { context: { device: 'phone' } });
  }

  @Post('login/cookie')
  async loginByCookie(@Res({ passthrough: true }) response: unknown) {
    this.cookies.set(response, await this.tokens.generateCookieToken(1));
    return {};
  }

  @Post('refresh/header')
  @HttpCode(200)
  async refreshByHeader(@Req() { body }: { body: { refreshToken: string } }) {
    const issued = await this.tokens.refreshToken(body.refreshToken, { authType: 'header' });
    if (!issued) throw new UnauthorizedException();
    return issued;
  }

  @Post('refresh/cookie')
  @HttpCode(200)
  async refreshByCookie(@Req() request: IncomingRequest, @Res({ passthrough: true }) response: unknown) {
    const presented = this.cookies.refreshTokenFrom(request);
    const issued = presented && (await this.tokens.refreshToken(presented, { authType: 'cookie' }));
    if (!issued) throw new UnauthorizedException();
    this.cookies.set(response, issued);
    return {};
  }

  @Get('me')
  @UseGuards(AuthentifyGuard)
  @UseInterceptors(AutoRefreshInterceptor)
  me(@Req() request: AuthenticatedRequest<User>) {
    tell(request.auth, request.auth.contextObj);
    duringRequest?.();
    return { token: request.auth };
  }

  @Get('desktop')
  @UseGuards(AuthentifyGuard)
  @RequireContext({ device: 'desktop' })
  desktop() {
    return {};
  }

  @Post('logout')
  @HttpCode(200)
  @UseGuards(AuthentifyGuard)
  async logout(@Req() { auth }: AuthenticatedRequest<User>, @Res({ passthrough: true }) response: unknown) {
    this.cookies.clear(response);
    return { ended: await this.tokens.revokeToken(auth) };
  }
}

describe.each(ADAPTERS)('R63: a whole life over %s', (adapter) => {
  let t: TestApp;
  const raw = new Set<string>();
  const digests = new Set<string>();
  /** What the library's providers look like to an app that inspects them, between requests and during one. */
  const providers: [name: string, text: string][] = [];

  const post = (path: string, headers: Record<string, string> = {}, body?: unknown): Promise<Answer> =>
    send(`${t.url}/${path}`, {
      method: 'POST',
      headers: { ...headers, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });

  /** Takes note of a pair, in the one answer that may hold it; everything else of that answer is told. */
  function received({ status, json, cookies, headers }: Answer): { access: string; refresh: string } {
    expect([200, 201]).toContain(status);
    const inCookies = cookies.map((line) => /=([^;]*)/.exec(line)![1]!);
    const [access, refresh] = json.accessToken === undefined ? inCookies : [json.accessToken, json.refreshToken];
    const { accessToken: _access, refreshToken: _refresh, ...rest } = json;
    const { 'set-cookie': _cookies, ...others } = headers;
    tell(rest, others);
    for (const token of [access, refresh]) {
      expect(token).toMatch(/^af_/);
      raw.add(token as string);
    }
    return { access: access as string, refresh: refresh as string };
  }

  /** An answer that must hold no secret at all. */
  async function answer(status: number, call: Promise<Answer>): Promise<Answer> {
    const answer = await call;
    expect(answer.status).toBe(status);
    tell(answer.text, answer.headers, answer.cookies);
    await remember();
    return answer;
  }

  async function remember(): Promise<void> {
    const names = ['access_token_hash', 'refresh_token_hash', 'refresh_family_hash', 'previous_refresh_token_hash'];
    for (const row of await t.rows()) {
      for (const name of [...names, 'rotation_salt']) {
        if (typeof row[name] === 'string') digests.add(row[name]);
      }
    }
  }

  async function withoutTable(work: () => Promise<unknown>): Promise<void> {
    const { driver } = t.dataSource;
    const path = t.dataSource.getMetadata(t.tokenEntity).tablePath.split('.');
    const escaped = (...names: string[]): string => names.map((name) => driver.escape(name)).join('.');
    await t.dataSource.query(`ALTER TABLE ${escaped(...path)} RENAME TO ${escaped('away')}`);
    await work();
    const away = [...path.slice(0, -1), 'away'];
    await t.dataSource.query(`ALTER TABLE ${escaped(...away)} RENAME TO ${escaped(path.at(-1)!)}`);
  }

  /** Every provider that the module made itself: not Nest's, not TypeORM's, and not what the app handed in. */
  function inspectProviders(): [name: string, text: string][] {
    const modules = [...t.app.get(ModulesContainer).values()];
    const own = modules.find((module) => module.metatype === AuthentifyModule)!;
    // TypeORM's own log may hold digests, and is reached from every repository.
    const log = t.statements.statements;
    t.statements.statements = [];
    const found = [...own.providers.values()]
      .filter(({ token, metatype }) => token === AUTHENTIFY_OPTIONS || isOurs(token, metatype))
      .map(({ name, instance }): [string, string] => [String(name), inspect(instance, { ...DEEP, depth: 6 })]);
    t.statements.statements = log;
    return found;
  }

  beforeAll(async () => {
    told.length = 0;
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation((...args: unknown[]) => tell(...args)),
    );
    const streams = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write'));
    t = await startApp({
      adapter,
      controllers: [LifeController],
      options: {
        tokenTtl: '1h',
        refreshTokenTtl: '7d',
        autoRefreshInterval: '5m',
        autoRefreshMaxTtl: '30d',
        keepExpiredTokens: true,
        hashSecrets: [SECRET],
        postAuthHandler: ({ user, token }) => {
          if (postAuthHandler === 'throws') throw new Error('the hook failed');
          if (postAuthHandler === 'forbids') throw new ForbiddenException('not on Sundays');
          if (postAuthHandler === 'returns nothing') return undefined as never;
          return { user, token };
        },
      },
    });
    Logger.overrideLogger(recorder);
    t.app.get(AuthentifyEvents).subscribe((event) => tell(event));
    await t.createUser();

    try {
      await live();
      providers.push(...inspectProviders());
    } finally {
      postAuthHandler = 'passes';
      for (const stream of streams) told.push(...stream.mock.calls.map(([chunk]) => String(chunk)));
      for (const spy of [...spies, ...streams]) spy.mockRestore();
      Logger.overrideLogger(false);
    }
  }, 60_000);
  afterAll(() => t?.close());

  async function live(): Promise<void> {
    const me = (headers: Record<string, string>) => send(`${t.url}/me`, { headers });
    const header = received(await post('login/header'));
    const inCookie = received(await post('login/cookie'));
    duringRequest = () => {
      providers.push(...inspectProviders());
    };
    await answer(200, me(bearer(header.access)));
    duringRequest = null;
    await answer(200, me(cookie(inCookie.access)));

    // Slides, the cookie written again: that answer may hold the cookie it renews.
    vi.setSystemTime(NOW + 6 * MINUTE);
    await answer(200, me(bearer(header.access)));
    const renewed = await me(cookie(inCookie.access));
    expect(renewed.cookies.join('\n')).toContain(inCookie.access);
    tell(renewed.text);

    const second = received(await post('refresh/header', {}, { refreshToken: header.refresh }));
    const retried = received(await post('refresh/header', {}, { refreshToken: header.refresh }));
    expect(retried).toEqual(second);
    const secondInCookie = received(await post('refresh/cookie', cookie(inCookie.refresh, '__Host-refresh-token')));
    await answer(200, me(cookie(secondInCookie.access)));

    // Whatever can go wrong.
    await answer(401, me(bearer(header.access)));
    await answer(401, me(cookie(second.access)));
    await answer(401, me(bearer(`${second.access}x`)));
    await answer(401, me({ Authorization: `Bearer ${second.access}, ${second.refresh}` }));
    await answer(401, me(cookie(`${secondInCookie.access}; __Host-token=${secondInCookie.access}`)));
    await answer(401, me(bearer(second.refresh)));
    await answer(403, send(`${t.url}/desktop`, { headers: bearer(second.access) }));
    await answer(403, post('logout', { ...cookie(secondInCookie.access), 'Sec-Fetch-Site': 'cross-site' }));
    for (const mode of ['throws', 'forbids', 'returns nothing'] as const) {
      postAuthHandler = mode;
      await answer(mode === 'forbids' ? 403 : 500, me(bearer(second.access)));
    }
    postAuthHandler = 'passes';
    const broken: Answer[] = [];
    await withoutTable(async () => {
      broken.push(await me(bearer(second.access)), await me(cookie(secondInCookie.access)));
      broken.push(await post('refresh/header', {}, { refreshToken: second.refresh }), await post('login/header'));
      broken.push(await post('logout', bearer(second.access)));
      const calls = [
        t.tokens.verifyToken(second.access),
        t.tokens.refreshToken(second.refresh),
        t.tokens.generateHeaderToken(1),
        t.tokens.revokeAllUserTokens(1),
        t.tokens.listUserTokens(1),
        t.tokens.revokeExpiredTokens(),
      ];
      for (const { status, ...outcome } of await Promise.allSettled(calls)) {
        expect(status).toBe('rejected');
        tell((outcome as { reason: unknown }).reason);
      }
    });
    for (const failed of broken) await answer(503, Promise.resolve(failed));
    for (const wrong of [() => t.tokens.refreshToken(7 as never), () => t.tokens.generateHeaderToken({} as never)]) {
      tell(await wrong().catch((error: unknown) => error));
    }
    tell(await t.tokens.generateHeaderToken(404).catch((error: unknown) => error));

    // Reuse, then logout of the other session.
    const third = received(await post('refresh/header', {}, { refreshToken: second.refresh }));
    await answer(401, post('refresh/header', {}, { refreshToken: header.refresh }));
    await answer(401, me(bearer(third.access)));
    const gone = await answer(200, post('logout', cookie(secondInCookie.access)));
    expect(gone.cookies).toHaveLength(2);
    await answer(401, me(cookie(secondInCookie.access)));
  }

  /** Where a secret was told, with the words around it. */
  function places(texts: Iterable<string>, secrets: Iterable<string>): string[] {
    const found: string[] = [];
    for (const text of texts) {
      for (const secret of secrets) {
        const index = text.indexOf(secret);
        if (index !== -1) found.push(text.slice(Math.max(0, index - 120), index + 20).replaceAll(secret, '<secret>'));
      }
    }
    return [...new Set(found)];
  }

  it('was lived to the full, and watched', () => {
    const text = told.join('\n');
    for (const word of ['reuse', 'slid', 'replayed', 'malformed', 'wrong-transport', 'cross-site', 'the hook failed']) {
      expect(text).toContain(word);
    }
    expect(raw.size).toBeGreaterThanOrEqual(8);
    expect(digests.size).toBeGreaterThanOrEqual(10);
    const logged = JSON.stringify(t.statements.statements);
    expect([...digests].some((digest) => logged.includes(digest))).toBe(true);
  });

  it('shows no raw token outside its own answer', () => {
    expect(places(told, raw)).toEqual([]);
  });

  it('R3: sends no raw token to the database, nor stores one', async () => {
    const logged = t.statements.statements.map((statement) => inspect(statement, { depth: 10, maxStringLength: null }));
    expect(places(logged, raw)).toEqual([]);
    expect(places([JSON.stringify(await t.rows())], raw)).toEqual([]);
  });

  it('shows no digest and no salt outside TypeORM’s own log', () => {
    expect(places(told, digests)).toEqual([]);
  });

  it('shows no key of hashSecrets', () => {
    expect(places(told, [SECRET, Buffer.from(SECRET).toString('hex')])).toEqual([]);
  });

  /** The providers that show one of these, however little of it. */
  const leaky = (secrets: Iterable<string>): string[] => [
    ...new Set(providers.filter(([, text]) => places([text], secrets).length > 0).map(([name]) => name)),
  ];

  it('leaves every provider free of raw tokens, also while a request is under way', () => {
    expect(providers.length).toBeGreaterThan(30);
    expect(leaky(raw)).toEqual([]);
  });

  it('leaves every provider free of digests', () => {
    expect(leaky(digests)).toEqual([]);
  });

  it('leaves every provider, the options too, free of keys', () => {
    expect(providers.map(([name]) => name)).toContain(String(AUTHENTIFY_OPTIONS));
    expect(leaky([SECRET])).toEqual([]);
    // Those that hold Nest's container reach the options as the app gave them.
    expect(places([inspect(t.app.get(AuthHooks), DEEP)], [SECRET])).toEqual([]);
  });
});

/** Classes of the library, known by where they are not from: neither a string nor a symbol of Nest or TypeORM. */
function isOurs(token: unknown, metatype: unknown): boolean {
  return typeof token === 'function' && token === metatype && token.name !== 'ModuleRef';
}
