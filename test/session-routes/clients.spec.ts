import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import axios from 'axios';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { ADAPTERS, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { type Client, startWalk, walkWithCookies, walkWithHeaders } from './walks.js';

const execute = promisify(execFile);

function curl(jar: string, emptyPost: string[]): Client {
  return {
    async call(method, url, { body, token }) {
      const data = body ? ['-H', 'Content-Type: application/json', '-d', JSON.stringify(body)] : emptyPost;
      const { stdout } = await execute('curl', [
        '-s',
        '-w\n%{http_code}',
        `-b${jar}`,
        `-c${jar}`,
        `-X${method}`,
        ...(token ? ['-H', `Authorization: Bearer ${token}`] : []),
        ...(method === 'POST' ? data : []),
        url,
      ]);
      const cut = stdout.lastIndexOf('\n');
      return { status: Number(stdout.slice(cut)), json: read(stdout.slice(0, cut)) };
    },
  };
}

/** No jar comes with it. */
function axiosClient(emptyPost: () => unknown): Client {
  const jar = new Map<string, string>();
  return {
    async call(method, url, { body, token }) {
      const cookies = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const { status, data, headers } = await axios.request<unknown>({
        method,
        url,
        data: body ?? (method === 'POST' ? emptyPost() : undefined),
        headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(cookies && { Cookie: cookies }) },
        validateStatus: () => true,
      });
      for (const line of headers['set-cookie'] ?? []) {
        const [name = '', value = ''] = line.split(/[=;]/);
        jar.set(name, value);
      }
      return { status, json: data };
    },
  };
}

/** Reads one call a line, as JSON, and answers with one line. */
const URLLIB = `
import http.cookiejar, json, sys, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
for line in sys.stdin:
    method, url, body, token = json.loads(line)
    headers = {'Content-Type': 'application/json'} if body else {}
    if token: headers['Authorization'] = 'Bearer ' + token
    data = body.encode() if body or method == 'POST' else None
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try: response = opener.open(request)
    except urllib.error.HTTPError as error: response = error
    print(json.dumps([response.status, response.read().decode()]), flush=True)
`;

const pythons: ChildProcessWithoutNullStreams[] = [];

function urllib(): Client {
  const python = spawn('python3', ['-c', URLLIB]);
  pythons.push(python);
  const answers = createInterface(python.stdout)[Symbol.asyncIterator]();
  return {
    async call(method, url, { body, token }) {
      python.stdin.write(`${JSON.stringify([method, url, body ? JSON.stringify(body) : '', token ?? ''])}\n`);
      const { value } = (await answers.next()) as { value: string };
      const [status, text] = JSON.parse(value) as [number, string];
      return { status, json: read(text) };
    },
  };
}

const read = (text: string): unknown => (text === '' ? undefined : JSON.parse(text));

const isThere = (command: string): boolean => spawnSync(command, ['--version']).status === 0;

const directory = mkdtempSync(join(tmpdir(), 'authentify-clients-'));
let jars = 0;
const jar = (): string => join(directory, String((jars += 1)));

const CLIENTS: [string, () => Client][] = [
  ...(isThere('curl')
    ? ([
        ['curl -X POST', () => curl(jar(), [])],
        ["curl -d ''", () => curl(jar(), ['-d', ''])],
        ['curl with JSON as its type', () => curl(jar(), ['-H', 'Content-Type: application/json'])],
      ] satisfies [string, () => Client][])
    : []),
  ['axios', () => axiosClient(() => undefined)],
  ['axios with an empty object', () => axiosClient(() => ({}))],
  ['axios with empty parameters', () => axiosClient(() => new URLSearchParams())],
  ...(isThere('python3') ? ([['urllib of Python', urllib]] satisfies [string, () => Client][]) : []),
];

afterAll(async () => {
  for (const python of pythons) python.stdin.end();
  await rm(directory, { recursive: true });
});

// What no database decides: one is enough.
describe.runIf(DATABASE === 'sqljs').each(ADAPTERS)('the session routes on %s, as clients call them', (adapter) => {
  let t: TestApp;
  beforeAll(async () => {
    t = await startWalk(adapter);
  });
  afterAll(() => t.close());

  it.each(CLIENTS)('%s with tokens in headers and bodies', (_, make) => walkWithHeaders(t, make()));
  it.each(CLIENTS)('%s with cookies', (_, make) => walkWithCookies(t, make()));
});
