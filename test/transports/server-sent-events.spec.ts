import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { Controller, type MessageEvent, Sse, UseGuards } from '@nestjs/common';
import { type AbstractAuthToken, AuthentifyGuard, CurrentToken, SessionWatcher } from 'nestjs-authentify';
import { type Observable, startWith, Subject, takeUntil } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bearer, cookie, send } from '../requests/client.js';
import { INVALID_TOKEN } from '../requests/controllers.js';
import { ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;

@Controller('prices')
class PricesController {
  static readonly prices = new Subject<MessageEvent>();

  constructor(private readonly sessions: SessionWatcher) {}

  @Sse()
  @UseGuards(AuthentifyGuard)
  prices(@CurrentToken() token: AbstractAuthToken): Observable<MessageEvent> {
    return PricesController.prices.pipe(startWith({ data: 'first' }), takeUntil(this.sessions.ended(token)));
  }
}

/** A stream as a client reads it. */
interface Stream {
  response: IncomingMessage;
  /** All that came so far. */
  text(): string;
  /** Resolves when the server ended it. */
  ended: Promise<unknown>;
  next(): Promise<unknown>;
  leave(): void;
}

async function listen(url: string, headers: Record<string, string>): Promise<Stream> {
  const request = get(url, { headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  response.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const ended = new Promise((resolve) => response.once('end', resolve));
  // What `leave` makes of it.
  response.on('error', () => {});
  return {
    response,
    text: () => text,
    ended,
    next: () => once(response, 'data'),
    leave: () => request.destroy(),
  };
}

describe.each(ADAPTERS)('server-sent events on %s', (adapter) => {
  let t: TestApp;
  let user: User;
  const start = async (setup: Setup = {}): Promise<TestApp> => {
    const app = await startApp({
      adapter,
      controllers: [PricesController],
      ...setup,
      options: { tokenTtl: '10m', refreshTokenTtl: '1h', ...setup.options },
    });
    app.app.useLogger(false);
    return app;
  };
  const login = () => t.tokens.generateHeaderToken(user);
  const listenAs = async (accessToken: string, url = t.url): Promise<Stream> => {
    const stream = await listen(`${url}/prices`, bearer(accessToken));
    if (!stream.text()) await stream.next();
    return stream;
  };
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: NOW });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await t.close();
  });

  it('are refused like any other request', async () => {
    t = await start();
    for (const headers of [{}, bearer('bad')] as Record<string, string>[]) {
      const answer = await send(`${t.url}/prices`, { headers });
      expect([answer.status, answer.json]).toEqual([401, INVALID_TOKEN]);
    }
  });

  it('end when their session is ended, and no other does', async () => {
    t = await start();
    user = await t.createUser();
    const [ended, kept] = [await login(), await login()];
    const [stream, other] = [await listenAs(ended.accessToken), await listenAs(kept.accessToken)];
    PricesController.prices.next({ data: 'second' });
    await Promise.all([stream.next(), other.next()]);
    await t.tokens.revokeToken(ended.token);
    await stream.ended;
    PricesController.prices.next({ data: 'third' });
    await other.next();
    expect(stream.text()).toMatch(/first[^]*second/);
    expect(stream.text()).not.toContain('third');
    expect(other.text()).toContain('third');
    other.leave();
  });

  it('end when their session expires, and not where it was refreshed', async () => {
    t = await start({ options: { sessionCheckInterval: '1d' } });
    user = await t.createUser();
    const [left, refreshed] = [await login(), await login()];
    const [stream, other] = [await listenAs(left.accessToken), await listenAs(refreshed.accessToken)];
    await vi.advanceTimersByTimeAsync(9 * MINUTE);
    await t.tokens.refreshToken(refreshed.refreshToken!);
    await vi.advanceTimersByTimeAsync(MINUTE);
    await stream.ended;
    PricesController.prices.next({ data: 'late' });
    await other.next();
    other.leave();
  });

  it('end within the interval when another node ended their session', async () => {
    t = await start();
    user = await t.createUser();
    const other = await start({ beside: t });
    try {
      const issued = await login();
      const stream = await listenAs(issued.accessToken, other.url);
      await t.tokens.revokeToken(issued.token);
      await vi.advanceTimersByTimeAsync(30_000);
      await stream.ended;
    } finally {
      await other.app.close();
    }
  });

  it('extend their session before the first byte, and its cookie with it', async () => {
    t = await start({
      extras: { autoRefresh: true },
      options: { autoRefreshInterval: '1m', autoRefreshMaxTtl: '1d' },
    });
    user = await t.createUser();
    const issued = await t.tokens.generateCookieToken(user);
    vi.setSystemTime(NOW + 5 * MINUTE);
    const stream = await listen(`${t.url}/prices`, cookie(issued.accessToken));
    expect(stream.response.statusCode).toBe(200);
    expect(stream.response.headers['content-type']).toMatch(/^text\/event-stream/);
    expect(stream.response.headers['set-cookie']).toEqual([
      expect.stringMatching(new RegExp(`^__Host-token=${issued.accessToken}; Max-Age=600;`)),
    ]);
    const [row] = await t.rows();
    expect(Number(row!.expires_at)).toBe(NOW + 15 * MINUTE);
    stream.leave();
  });

  it('are not watched any more when their client has gone', async () => {
    t = await start();
    user = await t.createUser();
    const stream = await listenAs((await login()).accessToken);
    stream.leave();
    await vi.waitFor(() => expect(PricesController.prices.observed).toBe(false));
    const statements = await t.statements.during(() => vi.advanceTimersByTimeAsync(2 * MINUTE));
    expect(statements).toEqual([]);
  });
});
