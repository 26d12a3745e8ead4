import { createHash } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type AuthentifyOptions, CookieTokenStrategy, type IssuedTokens } from 'nestjs-authentify';
import type { Page } from 'playwright-core';
import { type Setup, startApp, type TestApp } from '../../support/app.js';
import type { User } from '../../support/users.js';
import { BankController } from './bank.js';
import { fetchFrom } from './browser.js';

export const APP = 'app.example.test';
export const SIBLING = 'sibling.example.test';
export const EVIL = 'evil.example.net';

/** The bank, reached under its name, and what became of every request to it. */
export interface Victim extends TestApp {
  origin: string;
  alice: User;
  mallory: User;
  malloryTokens: IssuedTokens;
  bank: BankController;
  /** Settles with the next answer to that path: its status, and the cookies its request brought. */
  answerTo(path: string): Promise<Visit>;
  /** Logs alice in, in this page, under the bank's name or another one, and forgets that she did. */
  logIn(page: Page, at?: string): Promise<void>;
}

export interface Visit {
  status: number;
  cookies: string;
}

export async function startVictim(
  options: AuthentifyOptions<User>,
  setup: Pick<Setup, 'adapter' | 'https' | 'configure'>,
): Promise<Victim> {
  const t = await startApp({ ...setup, options: options as never, controllers: [BankController] });
  const bank = t.app.get(BankController);
  const origin = t.url.replace('127.0.0.1', APP);
  const waiting = new Map<string, (visit: Visit) => void>();
  const visited = (request: IncomingMessage, status: number): void =>
    waiting.get(request.url ?? '')?.({ status, cookies: request.headers.cookie ?? '' });

  const server = t.app.getHttpServer() as Server;
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    response.once('finish', () => visited(request, response.statusCode));
  });
  const strategy = t.app.get(CookieTokenStrategy);
  const upgrade = async (request: IncomingMessage, socket: Duplex): Promise<void> => {
    const status = await openSocket(strategy, request, socket);
    if (status === 101) bank.acts.push('socket');
    visited(request, status);
  };
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => void upgrade(request, socket));

  const alice = await t.createUser({ email: 'alice' });
  const mallory = await t.createUser({ email: 'mallory' });
  return {
    ...t,
    origin,
    alice,
    mallory,
    malloryTokens: await t.tokens.generateCookieToken(mallory),
    bank,
    answerTo: (path) =>
      new Promise((resolve) => {
        waiting.set(path, resolve);
      }),
    logIn: async (page, at = origin) => {
      await page.goto(at);
      await fetchFrom(page, '/login', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ user: alice.id }),
      });
      bank.acts = [];
    },
  };
}

/** The least of a WebSocket server: it opens for a session, as the cookie strategy sees it, and says nothing. */
async function openSocket(strategy: CookieTokenStrategy, request: IncomingMessage, socket: Duplex): Promise<number> {
  socket.on('error', () => socket.destroy()).on('end', () => socket.destroy());
  const found = await strategy.validate(request).catch((error: { status: number }) => error.status);
  const status = typeof found === 'number' ? found : found === null ? 401 : 101;
  if (status !== 101) {
    socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n\r\n`);
    return status;
  }
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const accept = createHash('sha1').update(key).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.resume();
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'));
  return status;
}
