import { once } from 'node:events';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

/** The bytes of a request; connections stay open. */
export function request(method, path, { headers = [], body } = {}) {
  const text = body === undefined ? '' : JSON.stringify(body);
  const lines = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1', ...headers];
  if (text) lines.push('content-type: application/json', `content-length: ${text.length}`);
  return `${lines.join('\r\n')}\r\n\r\n${text}`;
}

/** One kept-alive connection, one request at a time: little to do, so that the server gets what CPU there is. */
export class Connection {
  static async open(port) {
    const connection = new Connection();
    connection.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    connection.socket.setEncoding('latin1').on('data', (text) => connection.read(text));
    connection.socket.on('error', (error) => connection.fail?.(error));
    connection.socket.on('close', () => connection.fail?.(new Error('The server closed the connection')));
    await once(connection.socket, 'connect');
    return connection;
  }

  received = '';

  /** Sends a request; resolves to the answer's body. */
  send(bytes) {
    return new Promise((done, fail) => {
      this.done = done;
      this.fail = fail;
      this.socket.write(bytes);
    });
  }

  read(text) {
    this.received += text;
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.received.slice(0, end + 2));
    const body = this.received.slice(end + 4);
    if (!length) this.fail(new Error(`No content-length: ${this.received}`));
    else if (body.length >= Number(length[1])) this.finish(/^HTTP\/1\.1 20[01]/.test(this.received), body);
  }

  finish(isGood, body) {
    const { done, fail } = this;
    this.fail = undefined;
    const answer = this.received;
    this.received = '';
    if (isGood) done(body);
    else fail(new Error(`The server answered ${answer}`));
  }

  close() {
    this.fail = undefined;
    this.socket.destroy();
  }
}

/**
 * Keeps connections busy for some time.
 *
 * @param next gives the next request, from the body of the answer before it.
 * @returns how many requests were answered, and in how many seconds.
 */
export async function drive(connections, seconds, next) {
  const begin = performance.now();
  const end = begin + seconds * 1_000;
  let requests = 0;
  await Promise.all(
    connections.map(async (connection, index) => {
      let body;
      while (performance.now() < end) {
        body = await connection.send(next(index, body));
        requests += 1;
      }
    }),
  );
  return { requests, seconds: (performance.now() - begin) / 1_000 };
}
