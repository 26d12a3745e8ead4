import type { IssuedTokens } from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { type Answer, send, sendLines } from './client.js';
import {
  ANONYMOUS,
  BAD_CREDENTIAL,
  GuardedController,
  NOTHING_PRESENTED,
  OptionalController,
  PlainController,
  verdict,
} from './controllers.js';

/** `TOKEN` stands for a live session's access token. */
const ACCEPTED = [
  'Bearer TOKEN',
  'bearer TOKEN',
  'BEARER TOKEN',
  'bEaReR TOKEN',
  'Token TOKEN',
  'tOKEN TOKEN',
  'Bearer  TOKEN',
  'Bearer          TOKEN',
];

/** Our scheme, and not exactly one token68 after it. */
const BAD = [
  'Bearer',
  'token',
  'Bearer    ',
  'Bearer \tTOKEN',
  'Bearer \u00A0TOKEN',
  'Bearer TOKEN\u00A0',
  'Bearer TOKEN second',
  'Bearer TOKEN TOKEN',
  'Bearer TOKEN\tsecond',
  'Bearer TOKEN,',
  'Bearer TOKEN, Bearer TOKEN',
  'Bearer TOKEN,Basic YTpi',
  'Bearer TOKEN;q=1',
  'Bearer "TOKEN"',
  'Bearer token=TOKEN',
  'Bearer token="TOKEN"',
  'Bearer realm="api", TOKEN',
  'Bearer =TOKEN',
  'Bearer TOKEN=',
  'Bearer Bearer TOKEN',
];

/** No scheme of ours: as if nothing had been presented. */
const FOREIGN = [
  '',
  'TOKEN',
  'Bearer\tTOKEN',
  'Bearer\u00A0TOKEN',
  'Bearer, TOKEN',
  'Bearer,TOKEN',
  'Bearer:TOKEN',
  'Bearer=TOKEN',
  '"Bearer" TOKEN',
  'Bearerx TOKEN',
  'xBearer TOKEN',
  'Basic YTpi',
  'Digest username="a", realm="b"',
];

const shown = (line: string): string => JSON.stringify(line).replaceAll('\u00A0', String.raw`\u00A0`);

describe.each(ADAPTERS)('the Authorization header on %s', (adapter) => {
  let t: TestApp;
  let session: IssuedTokens;
  let inCookie: IssuedTokens;
  const authorization = (value: string): string => `Authorization: ${value.replaceAll('TOKEN', session.accessToken)}`;
  const get = (path: string, ...lines: string[]): Promise<Answer> => sendLines(t.url + path, lines);
  beforeAll(async () => {
    t = await startApp({ adapter, controllers: [GuardedController, OptionalController, PlainController] });
    const user = await t.createUser();
    session = await t.tokens.generateHeaderToken(user);
    inCookie = await t.tokens.generateCookieToken(user);
  });
  afterAll(() => t.close());

  it.each(ACCEPTED.map((value) => [shown(value), value]))(
    'R9, RFC 9110 §11.4, RFC 6750 §2.1: %s is accepted',
    async (_name, value) => {
      const { status, json } = await get('/guarded/header', authorization(value));
      expect([status, json.session]).toEqual([200, session.token.id]);
    },
  );

  it.each(BAD.map((value) => [shown(value), value]))(
    'R9, RFC 9110 §11.4, RFC 6750 §2.1: %s is a bad credential, without SQL',
    async (_name, value) => {
      const line = authorization(value);
      const statements = await t.statements.during(async () => {
        expect(verdict(await get('/guarded/header', line))).toEqual(BAD_CREDENTIAL);
        expect(verdict(await get('/optional/header', line))).toEqual(BAD_CREDENTIAL);
        expect(verdict(await get('/guarded/either', line, `Cookie: __Host-token=${inCookie.accessToken}`))).toEqual(
          BAD_CREDENTIAL,
        );
      });
      expect(statements).toEqual([]);
    },
  );

  it.each(FOREIGN.map((value) => [shown(value), value]))(
    'R9, RFC 9110 §11.1: %s presents nothing, and the cookie decides',
    async (_name, value) => {
      const line = authorization(value);
      expect(verdict(await get('/guarded/header', line))).toEqual(NOTHING_PRESENTED);
      expect((await get('/optional/header', line)).json).toEqual(ANONYMOUS);
      const either = await get('/guarded/either', line, `Cookie: __Host-token=${inCookie.accessToken}`);
      expect(either.json.session).toBe(inCookie.token.id);
    },
  );

  it('RFC 9110 §5.1: the name of the header may be in any letter case', async () => {
    expect((await get('/guarded/header', `aUTHORIZATION: Bearer ${session.accessToken}`)).status).toBe(200);
  });

  it.each([
    ['the same one twice', ['Bearer TOKEN', 'Bearer TOKEN']],
    ['a good one and a bad one', ['Bearer TOKEN', 'Bearer bad']],
    ['a foreign one and a good one', ['Basic YTpi', 'Bearer TOKEN']],
    ['two foreign ones', ['Basic YTpi', 'Basic YTpi']],
    ['two empty ones', ['', '']],
    ['three', ['Bearer TOKEN', 'Bearer TOKEN', 'Bearer TOKEN']],
  ])(
    'R10, RFC 9110 §5.3, RFC 6750 §3.1: more than one Authorization line is a 400 without SQL: %s',
    async (_name, values) => {
      const lines = values.map(authorization);
      const statements = await t.statements.during(async () => {
        for (const path of [
          '/guarded/header',
          '/guarded/either',
          '/optional/header',
          '/optional/either',
          '/plain/header',
        ]) {
          const { status, json, headers } = await get(path, ...lines, `Cookie: __Host-token=${inCookie.accessToken}`);
          expect([status, json.errorCode]).toEqual([400, 'invalid_request']);
          expect(headers['www-authenticate']).toBeUndefined();
        }
      });
      expect(statements).toEqual([]);
    },
  );

  it('R10, RFC 9110 §5.3: two lines in different letter case are two lines', async () => {
    const value = `Bearer ${session.accessToken}`;
    expect((await get('/guarded/header', `authorization: ${value}`, `AUTHORIZATION: ${value}`)).status).toBe(400);
  });

  it('R11, RFC 6750 §2.2, §2.3, RFC 9700 §4.3.2: a token in the query or the body is never read', async () => {
    const names = ['access_token', 'accessToken', 'token', 'authorization'];
    const parameters = new URLSearchParams(
      Object.fromEntries(names.map((name) => [name, session.accessToken])),
    ).toString();
    const json = JSON.stringify(Object.fromEntries(names.map((name) => [name, session.accessToken])));
    const post = (path: string, type: string, body: string) =>
      send(t.url + path, { method: 'POST', headers: { 'Content-Type': type }, body });

    const statements = await t.statements.during(async () => {
      for (const path of ['/guarded/header', '/guarded/either']) {
        const answers = [
          await send(`${t.url}${path}?${parameters}`),
          await post(path, 'application/json', json),
          await post(path, 'application/x-www-form-urlencoded', parameters),
        ];
        expect(answers.map(verdict)).toEqual([NOTHING_PRESENTED, NOTHING_PRESENTED, NOTHING_PRESENTED]);
      }
    });
    expect(statements).toEqual([]);
    expect((await send(`${t.url}/optional/header?${parameters}`)).json).toEqual(ANONYMOUS);
  });
});

describe.each(ADAPTERS)('authHeaderPrefixes on %s', (adapter) => {
  it('R9: says which schemes are ours, and no others are', async () => {
    const options = { authHeaderPrefixes: ['Device', 'X-Key'] };
    const t = await startApp({ adapter, controllers: [OptionalController], options });
    try {
      const { accessToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
      const get = (scheme: string) =>
        sendLines(`${t.url}/optional/header`, [`Authorization: ${scheme} ${accessToken}`]);
      expect((await get('Device')).json.session).toBe(token.id);
      expect((await get('x-key')).json.session).toBe(token.id);
      expect((await get('Bearer')).json).toEqual(ANONYMOUS);
    } finally {
      await t.close();
    }
  });
});
