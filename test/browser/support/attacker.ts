import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A server of pages that mean no good. */
export interface Attacker {
  /** The origin under which a host of the attacker's is reached. */
  at(host: string): string;
  /** What it answers from now on. */
  serves(page: AttackPage): void;
  close(): Promise<void>;
}

export interface AttackPage {
  html: string;
  cookies?: string[];
}

/** Listens under every name; `/bounce?to=` answers 307, so that a form posted there is posted again at the target. */
export async function startAttacker(certificate?: { key: string; cert: string }): Promise<Attacker> {
  let page: AttackPage = { html: '' };
  const answer: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://attacker');
    if (pathname === '/bounce') {
      response.writeHead(307, { Location: searchParams.get('to') ?? '/' }).end();
      return;
    }
    response.setHeader('Content-Type', 'text/html');
    if (page.cookies) response.setHeader('Set-Cookie', page.cookies);
    response.end(`<!doctype html><title>attack</title>${page.html}`);
  };
  const server = certificate ? createHttpsServer(certificate, answer) : createHttpServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    at: (host) => `${certificate ? 'https' : 'http'}://${host}:${port}`,
    serves: (next) => {
      page = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
