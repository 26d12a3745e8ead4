import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import type { Answer } from './client.js';

/** A connection of HTTP/2; as a page that is loaded over it, it sends `:authority` and no `Host`. */
export interface Http2Client {
  session: ClientHttp2Session;
  send(method: string, path: string, headers?: OutgoingHttpHeaders, body?: unknown): Promise<Answer>;
  close(): void;
}

export function http2Client(url: string): Http2Client {
  const session = connect(url, { rejectUnauthorized: false });
  return {
    session,
    send: (method, path, headers = {}, body) =>
      new Promise((resolve, reject) => {
        const json = body === undefined ? {} : { 'content-type': 'application/json' };
        const request = session.request({ ':method': method, ':path': path, ...json, ...headers });
        let received: IncomingHttpHeaders & { ':status'?: number } = {};
        let text = '';
        request.setEncoding('utf8');
        request.on('response', (answer) => {
          received = answer;
        });
        request.on('data', (chunk: string) => {
          text += chunk;
        });
        request.on('error', reject);
        request.on('end', () => {
          const isJson = received['content-type']?.startsWith('application/json') && text !== '';
          resolve({
            status: received[':status'] ?? 0,
            headers: received,
            cookies: received['set-cookie'] ?? [],
            text,
            json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
          });
        });
        request.end(body === undefined ? undefined : JSON.stringify(body));
      }),
    close: () => session.destroy(),
  };
}

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const FRAME_HEAD = 9;
const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4];
const END_STREAM = 1;
const END_OF_REQUEST = END_STREAM | 4;

/**
 * Sends fields as given over HTTP/2 without TLS, where an HTTP client would refuse to send one twice; gives the body of the
 * answer, whose fields are compressed; nothing for a request that is reset.
 */
export function sendFields(url: string, fields: readonly [name: string, value: string][]): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connectSocket(Number(port), hostname, () => {
      socket.write(PREFACE);
      socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
      socket.write(frame(HEADERS, END_OF_REQUEST, 1, Buffer.concat(fields.map(literal))));
    });
    let received = Buffer.alloc(0);
    let body = '';
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= FRAME_HEAD && received.length >= FRAME_HEAD + received.readUIntBE(0, 3)) {
        const end = FRAME_HEAD + received.readUIntBE(0, 3);
        const [type, flags] = [received[3], received[4] ?? 0];
        if (type === DATA) body += received.subarray(FRAME_HEAD, end).toString();
        received = received.subarray(end);
        const isLast = type === RST_STREAM || ((type === DATA || type === HEADERS) && flags & END_STREAM);
        if (isLast) socket.destroy();
      }
    });
    socket.on('close', () => resolve(body));
  });
}

/** RFC 9113 §4.1. */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A field that is not indexed, its name and value not compressed (RFC 7541 §6.2.2). */
function literal([name, value]: [string, string]): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

/** RFC 7541 §5.2, with a length of up to 254. */
function text(value: string): Buffer {
  const { length } = value;
  return Buffer.concat([Buffer.from(length < 127 ? [length] : [127, length - 127]), Buffer.from(value, 'latin1')]);
}
