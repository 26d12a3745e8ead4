import type { IssuedTokens } from 'nestjs-authentify';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { User } from '../support/users.js';
import { type Answer, bearer, cookie, send } from './client.js';
import {
  BAD_CREDENTIAL,
  GuardedController,
  INVALID_TOKEN,
  NOTHING_PRESENTED,
  OptionalController,
  PlainController,
  verdict,
} from './controllers.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const MINUTE = 60_000;
const CONTROLLERS = [GuardedController, OptionalController, PlainController];

type Login = (t: TestApp) => Promise<IssuedTokens>;
const headerLogin: Login = async (t) => t.tokens.generateHeaderToken(await t.createUser());
const cookieLogin: Login = async (t) => t.tokens.generateCookieToken(await t.createUser());

/** Every way for a token to be no good, as the raw value that is presented. */
const CAUSES: Record<string, (t: TestApp, login: Login, otherLogin: Login) => Promise<string>> = {
  unknown: async (t, login) => {
    const { accessToken, token } = await login(t);
    await t.dataSource.getRepository(t.tokenEntity).delete({ id: token.id });
    return accessToken;
  },
  expired: async (t, login) => {
    const { accessToken, token } = await login(t);
    vi.setSystemTime(token.expiresAt!);
    return accessToken;
  },
  revoked: async (t, login) => {
    const { accessToken, token } = await login(t);
    await t.tokens.revokeToken(token);
    return accessToken;
  },
  rotated: async (t, login) => {
    const { accessToken, refreshToken } = await login(t);
    expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
    return accessToken;
  },
  malformed: async () => 'malformed',
  'refresh token': async (t, login) => (await login(t)).refreshToken!,
  'wrong transport': async (t, _login, otherLogin) => (await otherLogin(t)).accessToken,
  'inactive user': async (t, login) => {
    const { accessToken, token } = await login(t);
    await t.dataSource.getRepository(User).update({ id: Number(token.userId) }, { isActive: false });
    return accessToken;
  },
  'deleted user': async (t, login) => {
    const { accessToken, token } = await login(t);
    await t.dataSource.getRepository(User).delete({ id: Number(token.userId) });
    return accessToken;
  },
};

/** All that a client can tell one answer from another by. */
function fingerprint({ status, headers, text }: Answer): object {
  const { date: _date, ...rest } = headers;
  return { status, headers: rest, text };
}

describe.each(ADAPTERS)('401 on %s', (adapter) => {
  let t: TestApp;
  const get = (path: string, headers: Record<string, string> = {}) => send(t.url + path, { headers });
  beforeAll(async () => {
    const options = { tokenTtl: '10m', refreshTokenTtl: '1h', keepExpiredTokens: true };
    t = await startApp({ adapter, controllers: CONTROLLERS, options });
  });
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
  });
  afterAll(() => t.close());

  it.each(['/guarded/header', '/guarded/either', '/optional/header'])(
    'R60, RFC 6750 §3.1: every bad header token gets the same answer, byte for byte, at %s',
    async (path) => {
      for (const [cause, present] of Object.entries(CAUSES)) {
        vi.setSystemTime(NOW);
        const answer = await get(path, bearer(await present(t, headerLogin, cookieLogin)));
        expect(verdict(answer), cause).toEqual(BAD_CREDENTIAL);
        expect(answer.text, cause).toBe(JSON.stringify(INVALID_TOKEN));
        expect(fingerprint(answer), cause).toEqual(fingerprint(await get(path, bearer('malformed'))));
      }
    },
  );

  it.each(['/guarded/cookie', '/guarded/either', '/optional/cookie'])(
    'R60: every bad cookie token gets the same answer, byte for byte, at %s',
    async (path) => {
      for (const [cause, present] of Object.entries(CAUSES)) {
        vi.setSystemTime(NOW);
        const answer = await get(path, cookie(await present(t, cookieLogin, headerLogin)));
        expect([answer.status, answer.text], cause).toEqual([401, JSON.stringify(INVALID_TOKEN)]);
        expect(fingerprint(answer), cause).toEqual(fingerprint(await get(path, cookie('malformed'))));
      }
    },
  );

  it('R24: a token is good until the millisecond before its expiry', async () => {
    const { accessToken } = await headerLogin(t);
    vi.setSystemTime(NOW + 10 * MINUTE - 1);
    expect((await get('/guarded/header', bearer(accessToken))).status).toBe(200);
    vi.setSystemTime(NOW + 10 * MINUTE);
    expect((await get('/guarded/header', bearer(accessToken))).status).toBe(401);
  });

  it('R61, RFC 9110 §11.6.1, RFC 6750 §3.1: the challenge names an error only if something was presented', async () => {
    expect(verdict(await get('/guarded/header'))).toEqual(NOTHING_PRESENTED);
    expect(verdict(await get('/guarded/either'))).toEqual(NOTHING_PRESENTED);
    expect(verdict(await get('/guarded/cookie'))).toEqual([401, 'Cookie realm="api"']);
    expect(verdict(await get('/guarded/header', bearer('bad')))).toEqual(BAD_CREDENTIAL);
    expect(verdict(await get('/guarded/either', cookie('bad')))).toEqual(BAD_CREDENTIAL);
    expect(verdict(await get('/guarded/cookie', cookie('bad')))).toEqual([
      401,
      'Cookie realm="api", error="invalid_token"',
    ]);
  });

  it('has the same body where nothing was presented', async () => {
    for (const path of ['/guarded/header', '/guarded/cookie', '/guarded/either']) {
      expect((await get(path)).text).toBe(JSON.stringify(INVALID_TOKEN));
    }
  });

  it('R60: a plain AuthGuard turns a bad credential away with the same body; only our guards can add a challenge', async () => {
    for (const response of [await get('/plain/header', bearer('bad')), await get('/plain/cookie', cookie('bad'))]) {
      expect(response.status).toBe(401);
      expect(response.json).toEqual({
        statusCode: 401,
        message: 'Unauthorized',
        errorCode: 'invalid_token',
      });
    }
  });

  it('R16: what is no token of ours costs no statement, a token one', async () => {
    const { accessToken, refreshToken } = await headerLogin(t);
    const wrongChecksum = accessToken.slice(0, -1) + (accessToken.endsWith('0') ? '1' : '0');
    const malformed = [
      'x',
      wrongChecksum,
      accessToken.slice(0, -1),
      `${accessToken}0`,
      accessToken.toUpperCase(),
      accessToken.replace('af_at_', 'zz_at_'),
      accessToken.replace('af_at_', 'af_rt_'),
      refreshToken!,
      'A'.repeat(8_000),
    ];
    const free = await t.statements.during(async () => {
      for (const value of malformed) {
        expect(verdict(await get('/guarded/header', bearer(value)))).toEqual(BAD_CREDENTIAL);
        expect((await get('/guarded/cookie', cookie(value))).status).toBe(401);
      }
    });
    expect(free).toEqual([]);
    const paid = await t.statements.during(() => get('/guarded/header', bearer(accessToken)));
    expect(paid).toEqual([expect.stringMatching(/^SELECT/)]);
  });
});

describe.each(ADAPTERS)('the realm on %s', (adapter) => {
  it('R61, RFC 9110 §11.5: is the configured one', async () => {
    const t = await startApp({ adapter, controllers: CONTROLLERS, options: { realm: 'The Shop, v2' } });
    try {
      const header = await send(`${t.url}/guarded/header`, { headers: bearer('bad') });
      expect(verdict(header)).toEqual([401, 'Bearer realm="The Shop, v2", error="invalid_token"']);
      expect(verdict(await send(`${t.url}/guarded/cookie`))).toEqual([401, 'Cookie realm="The Shop, v2"']);
    } finally {
      await t.close();
    }
  });
});

describe.each(ADAPTERS)('an outage on %s', (adapter) => {
  const UNAVAILABLE = { statusCode: 503, message: 'Service Unavailable' };
  let t: TestApp;
  const everywhere = async (session: IssuedTokens, inCookie: IssuedTokens): Promise<Answer[]> => {
    const [inHeader, asCookie] = [bearer(session.accessToken), cookie(inCookie.accessToken)];
    return Promise.all([
      send(`${t.url}/guarded/header`, { headers: inHeader }),
      send(`${t.url}/guarded/either`, { headers: asCookie }),
      send(`${t.url}/guarded/cookie`, { headers: asCookie }),
      send(`${t.url}/optional/header`, { headers: inHeader }),
      send(`${t.url}/optional/either`, { headers: asCookie }),
      send(`${t.url}/plain/header`, { headers: inHeader }),
      send(`${t.url}/plain/cookie`, { headers: asCookie }),
    ]);
  };
  const statuses = (answers: Answer[]): number[] => answers.map(({ status }) => status);
  beforeEach(async () => {
    t = await startApp({ adapter, controllers: CONTROLLERS });
    t.app.useLogger(false);
  });
  afterEach(() => t.close());

  it('R62, RFC 9110 §15.6.4: is a 503 on required and optional routes, and the sessions live on afterwards', async () => {
    const [session, inCookie] = [await headerLogin(t), await cookieLogin(t)];
    const { driver } = t.dataSource;
    const away = driver.escape('away');
    const table = t.dataSource
      .getMetadata(t.tokenEntity)
      .tablePath.split('.')
      .map((part) => driver.escape(part));

    await t.dataSource.query(`ALTER TABLE ${table.join('.')} RENAME TO ${away}`);
    const during = await everywhere(session, inCookie);
    await t.dataSource.query(
      `ALTER TABLE ${[...table.slice(0, -1), away].join('.')} RENAME TO ${driver.escape('auth_tokens')}`,
    );
    const afterwards = await everywhere(session, inCookie);

    for (const { status, json, headers } of during) {
      expect([status, json]).toEqual([503, UNAVAILABLE]);
      expect([headers['www-authenticate'], headers['set-cookie']]).toEqual([undefined, undefined]);
    }
    expect(new Set(statuses(afterwards))).toEqual(new Set([200]));
  });

  it('R62: a lost connection is a 503, while what needs no database is answered as ever', async () => {
    const [session, inCookie] = [await headerLogin(t), await cookieLogin(t)];
    await t.dataSource.destroy();

    expect(new Set(statuses(await everywhere(session, inCookie)))).toEqual(new Set([503]));
    expect((await send(`${t.url}/guarded/header`, { headers: bearer('malformed') })).status).toBe(401);
    expect((await send(`${t.url}/optional/either`)).status).toBe(200);

    await t.dataSource.initialize();
    // The database of sql.js is gone with its connection: the sessions with it, but the answer is the true one again.
    const expected = DATABASE === 'sqljs' ? 401 : 200;
    expect(new Set(statuses(await everywhere(session, inCookie)))).toEqual(new Set([expected]));
  });
});
