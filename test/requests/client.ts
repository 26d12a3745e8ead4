import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { connect } from 'node:net';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Every `Set-Cookie` line. */
  cookies: string[];
  text: string;
  /** The body read as JSON; `{}` for an empty one. */
  json: Record<string, unknown>;
}

export interface Message {
  method?: string;
  /** Sent as given: nothing is added but `Host`, `Connection` and the body's length. */
  headers?: Record<string, string>;
  body?: string;
}

/** Sends one request on a connection of its own, without what a browser or `fetch` would add to it. */
export function send(url: string, { method = 'GET', headers = {}, body }: Message = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const request = httpRequest(url, { method, headers: { ...headers, ...length }, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve(answerOf(status, headers, headers['set-cookie'] ?? [], Buffer.concat(chunks).toString()));
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends header lines byte for byte (Latin-1), where an HTTP client would merge, trim or refuse them. */
export function sendLines(url: string, lines: readonly string[]): Promise<Answer> {
  const { hostname, port, pathname, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      const head = [`GET ${pathname} HTTP/1.1`, `Host: ${host}`, ...lines, 'Connection: close', '', ''];
      socket.write(head.join('\r\n'), 'latin1');
    });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('end', () => resolve(parse(Buffer.concat(chunks).toString('latin1'))));
  });
}

function parse(response: string): Answer {
  const [head = '', text = ''] = response.split('\r\n\r\n', 2);
  const [statusLine = '', ...fields] = head.split('\r\n');
  const headers: IncomingHttpHeaders = {};
  for (const field of fields) {
    const colon = field.indexOf(':');
    headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim();
  }
  return answerOf(Number(statusLine.split(' ')[1]), headers, [], text);
}

function answerOf(status: number, headers: IncomingHttpHeaders, cookies: string[], text: string): Answer {
  const isJson = headers['content-type']?.startsWith('application/json') && text !== '';
  return { status, headers, cookies, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

export const bearer = (token: string): { Authorization: string } => ({ Authorization: `Bearer ${token}` });

export const cookie = (token: string, name = '__Host-token'): { Cookie: string } => ({ Cookie: `${name}=${token}` });

/** Holds everybody until that many have come, so that requests are concurrent for certain. */
export function meetingOf(count: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void;
  const everybody = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    arrived += 1;
    if (arrived === count) open();
    await everybody;
  };
}
