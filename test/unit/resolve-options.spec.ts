import { inspect } from 'node:util';
import { AuthentifyConfigurationError, type AuthentifyOptions } from 'nestjs-authentify';
import { drfAuthentifyTokens } from 'nestjs-authentify/migrations';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../lib/options/resolve-options.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SECRET = 's3cr3t-'.repeat(5);

/** The error that these options stop the boot with. */
function refusalOf(given: unknown, extras?: { autoRefresh?: boolean }): AuthentifyConfigurationError {
  try {
    resolveOptions(given, extras);
  } catch (error) {
    if (error instanceof AuthentifyConfigurationError) return error;
    throw error;
  }
  throw new Error(`accepted ${inspect(given)}`);
}

/** The options are refused, by an error that names this one and, after it, what to do. */
function expectRefusal(given: unknown, option: string, extras?: { autoRefresh?: boolean }): void {
  const error = refusalOf(given, extras);
  expect(error.option).toBe(option);
  expect(error.message).toMatch(new RegExp(`^nestjs-authentify: ${option} .{10,}`));
  expect(error.name).toBe('AuthentifyConfigurationError');
  expect(error.code).toBe('ERR_AUTHENTIFY_CONFIGURATION');
}

describe('options left out', () => {
  it('have their documented defaults', () => {
    const { isUserActive, ...options } = resolveOptions({});
    expect(options).toEqual({
      tokenTtl: DAY,
      refreshTokenTtl: 7 * DAY,
      autoRefreshInterval: null,
      autoRefreshMaxTtl: null,
      sessionMaxTtl: null,
      enforceSingleLogin: false,
      maxSessionsPerUser: null,
      enableAuthRestriction: true,
      secureHashAlgorithm: ['sha256'],
      hashSecrets: [],
      authHeaderPrefixes: ['Bearer', 'Token'],
      authCookieNames: ['__Host-token'],
      refreshCookieName: ['__Host-refresh-token'],
      keepExpiredTokens: false,
      pruneSchedule: null,
      strictContextAccess: false,
      postAuthHandler: null,
      postAutoRefreshHandler: null,
      refreshGracePeriod: 30 * SECOND,
      tokenPrefix: ['af'],
      cookie: { secure: true, httpOnly: true, sameSite: 'lax', path: '/' },
      csrf: { trustedOrigins: [], requireOrigin: false },
      realm: 'api',
      acceptLegacyTokens: null,
      contextMaxBytes: 4096,
      preparedStatements: true,
      sqlComment: null,
      sessionCheckInterval: 30 * SECOND,
    });
    expect(isUserActive).toBeNull();
  });

  it('are the same when they are written as undefined', () => {
    const names = Object.keys(resolveOptions({}));
    expect(resolveOptions(Object.fromEntries(names.map((name) => [name, undefined])))).toEqual(resolveOptions({}));
  });

  it('leave no refresh token where tokenTtl is null', () => {
    expect(resolveOptions({ tokenTtl: null })).toMatchObject({ tokenTtl: null, refreshTokenTtl: null });
    expect(resolveOptions({ tokenTtl: null, refreshTokenTtl: undefined }).refreshTokenTtl).toBeNull();
  });

  it('R25: end a session at autoRefreshMaxTtl where sessionMaxTtl is not given', () => {
    expect(resolveOptions({ autoRefreshMaxTtl: '30d' }).sessionMaxTtl).toBe(30 * DAY);
    expect(resolveOptions({ autoRefreshMaxTtl: '30d', sessionMaxTtl: undefined }).sessionMaxTtl).toBe(30 * DAY);
    expect(resolveOptions({ autoRefreshMaxTtl: '30d', sessionMaxTtl: null }).sessionMaxTtl).toBeNull();
    expect(resolveOptions({ autoRefreshMaxTtl: '30d', sessionMaxTtl: '60d' }).sessionMaxTtl).toBe(60 * DAY);
  });
});

const handler = () => ({ user: {}, token: {} });
/** Its source holds the word; it is no class for that. */
const mentioningClass = <T>(result: T) => ({ ...result, class: 'first' });
class Handler {
  handle = handler;
}
Handler.prototype.handle = handler;
class NoHandler {}

describe('options given rightly', () => {
  it.each<[keyof AuthentifyOptions, unknown, unknown]>([
    ['tokenTtl', '15m', 15 * MINUTE],
    ['tokenTtl', 900, 15 * MINUTE],
    ['refreshTokenTtl', '30d', 30 * DAY],
    ['refreshTokenTtl', null, null],
    ['autoRefreshInterval', 0, 0],
    ['autoRefreshInterval', '0s', 0],
    ['autoRefreshInterval', '000 Minutes', 0],
    ['autoRefreshInterval', '5m', 5 * MINUTE],
    ['autoRefreshMaxTtl', '30d', 30 * DAY],
    ['sessionMaxTtl', '24h', DAY],
    ['sessionMaxTtl', null, null],
    ['enforceSingleLogin', true, true],
    ['maxSessionsPerUser', 1, 1],
    ['maxSessionsPerUser', null, null],
    ['enableAuthRestriction', false, false],
    ['secureHashAlgorithm', 'sha256', ['sha256']],
    ['secureHashAlgorithm', 'sha384', ['sha384']],
    ['secureHashAlgorithm', ['sha512'], ['sha512']],
    ['secureHashAlgorithm', ['sha512', 'sha256'], ['sha512', 'sha256']],
    ['hashSecrets', [], []],
    ['authHeaderPrefixes', ['Token'], ['Token']],
    ['authCookieNames', ['__Secure-a', 'b'], ['__Secure-a', 'b']],
    ['refreshCookieName', 'refresh', ['refresh']],
    ['refreshCookieName', ['new', 'old'], ['new', 'old']],
    ['refreshCookieName', null, []],
    ['keepExpiredTokens', true, true],
    ['keepExpiredTokens', false, false],
    ['keepExpiredTokens', '90d', 90 * DAY],
    ['keepExpiredTokens', 60, MINUTE],
    ['strictContextAccess', true, true],
    ['postAuthHandler', handler, handler],
    ['postAuthHandler', Handler, Handler],
    ['postAuthHandler', mentioningClass, mentioningClass],
    ['postAutoRefreshHandler', handler, handler],
    ['refreshGracePeriod', 0, 0],
    ['refreshGracePeriod', 60, MINUTE],
    ['refreshGracePeriod', '1m', MINUTE],
    ['tokenPrefix', 'ab', ['ab']],
    ['tokenPrefix', '0123456789', ['0123456789']],
    ['tokenPrefix', ['xy', 'af'], ['xy', 'af']],
    ['csrf', false, false],
    ['csrf', { requireOrigin: true }, { trustedOrigins: [], requireOrigin: true }],
    ['realm', 'My API, v2', 'My API, v2'],
    ['pruneSchedule', '0 * * * *', '0 * * * *'],
    ['pruneSchedule', '*/15  */2 * * 1-5', '*/15  */2 * * 1-5'],
    ['pruneSchedule', '@hourly', '@hourly'],
    ['sqlComment', 'team/api', 'team/api'],
    ['acceptLegacyTokens', drfAuthentifyTokens, drfAuthentifyTokens],
    ['sessionCheckInterval', '5s', 5 * SECOND],
    ['contextMaxBytes', 2, 2],
    ['contextMaxBytes', 65_535, 65_535],
  ])('%s takes %j', (name, value, resolved) => {
    expect(resolveOptions({ [name]: value })[name]).toEqual(resolved);
  });

  it('R5: hashSecrets takes keys of 32 bytes of UTF-8 or more, in their order, and shows none of them', () => {
    const keys = ['k'.repeat(32), 'é'.repeat(16), SECRET];
    const options = resolveOptions({ hashSecrets: keys });
    expect(options.hashSecrets.map((key) => key?.export().toString())).toEqual(keys);
    for (const shown of [inspect(options, { depth: 9, showHidden: true }), JSON.stringify(options)]) {
      for (const key of keys) expect(shown).not.toContain(key);
    }
  });

  it('R79: hashSecrets takes null beside keys, for sessions without one', () => {
    for (const hashSecrets of [
      [SECRET, null],
      [null, SECRET],
    ]) {
      const keys = resolveOptions({ hashSecrets }).hashSecrets;
      expect(keys.map((key) => key && key.export().toString())).toEqual(hashSecrets);
    }
  });

  it('R57: cookie keeps the default of every member that is not given', () => {
    const names = { authCookieNames: ['token'], refreshCookieName: 'refresh' };
    const defaults = { secure: true, httpOnly: true, sameSite: 'lax', path: '/' };
    const cookieOf = (cookie: AuthentifyOptions['cookie']) => resolveOptions({ ...names, cookie }).cookie;
    expect(cookieOf({ secure: false })).toEqual({ ...defaults, secure: false });
    expect(cookieOf({ httpOnly: false })).toEqual({ ...defaults, httpOnly: false });
    expect(cookieOf({ sameSite: 'strict' })).toEqual({ ...defaults, sameSite: 'strict' });
    expect(cookieOf({ sameSite: 'none' })).toEqual({ ...defaults, sameSite: 'none' });
    expect(cookieOf({ path: '/api' })).toEqual({ ...defaults, path: '/api' });
    expect(cookieOf({ domain: 'example.com' })).toEqual({ ...defaults, domain: 'example.com' });
    expect(cookieOf({ secure: undefined, path: undefined })).toEqual(defaults);
  });

  it('R56, RFC 6454 §6.2: csrf trusts origins as browsers send them', () => {
    const trustedOrigins = [
      'https://app.example.com',
      'http://localhost:4200',
      'https://example.com:8443',
      'https://[::1]:3000',
      'http://192.168.0.1',
      'https://xn--bcher-kva.example',
    ];
    expect(resolveOptions({ csrf: { trustedOrigins } }).csrf).toEqual({ trustedOrigins, requireOrigin: false });
  });
});

const WRONG: [keyof AuthentifyOptions, unknown[]][] = [
  ['tokenTtl', [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '', 'soon', '900', true, {}, [], 5n]],
  ['refreshTokenTtl', [0, -1, Number.NaN, '900', 'never', false, {}]],
  ['autoRefreshInterval', [-1, Number.NaN, '900', null, true, {}]],
  ['autoRefreshMaxTtl', [0, -1, Number.NaN, '30', null, {}]],
  ['sessionMaxTtl', [0, -1, Number.NaN, '30', true, {}]],
  ['enforceSingleLogin', [null, 0, 1, 'true', 'false', {}]],
  ['maxSessionsPerUser', [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '3', true, []]],
  ['enableAuthRestriction', [null, 0, 'false', {}]],
  [
    'secureHashAlgorithm',
    [
      'md5',
      'sha1',
      'shake_128',
      'shake256',
      'SHA256',
      'sha-256',
      'sha224',
      '',
      null,
      256,
      {},
      [],
      ['sha256', 'md5'],
      ['sha256', null],
      ['sha256', 'sha256'],
      [['sha256']],
    ],
  ],
  [
    'hashSecrets',
    [
      null,
      SECRET,
      {},
      ['x'.repeat(31)],
      [SECRET, ''],
      [SECRET, SECRET],
      [32],
      [Buffer.alloc(32)],
      new Set(),
      [null],
      [null, null],
      [null, SECRET, null],
      [SECRET, undefined],
      [SECRET, 'null'],
    ],
  ],
  [
    'authHeaderPrefixes',
    [null, [], 'Bearer', [''], ['Bearer token'], ['Bea\trer'], ['Béarer'], ['a:b'], ['"x"'], [7], ['A', 'A'], ['A\n']],
  ],
  [
    'authCookieNames',
    [null, [], 'token', [''], ['a b'], ['a=b'], ['a;b'], ['a,b'], ['"a"'], ['tökn'], [7], ['a', 'a'], ['a\r\n']],
  ],
  [
    'refreshCookieName',
    ['', 'a b', 'a=b', 'a;b', 7, [], ['refresh', ''], ['refresh', 'refresh'], ['refresh', null], true],
  ],
  ['keepExpiredTokens', [null, 0, -1, 'true', '90', {}, Number.NaN]],
  ['strictContextAccess', [null, 1, 'yes']],
  ['preparedStatements', [null, 0, 'no']],
  [
    'sqlComment',
    [
      null,
      '',
      true,
      'a */ DELETE FROM users; /*',
      '*/',
      'a*/',
      '/* a',
      '!50000 DROP',
      'M!100 x',
      '/',
      'a/',
      'a?',
      'a\nb',
      'ä',
      '\0',
    ],
  ],
  ['sessionCheckInterval', [0, -1, Number.NaN, null, '30', true, {}]],
  ['postAuthHandler', [null, 'handler', {}, new Handler(), NoHandler]],
  ['postAutoRefreshHandler', [null, 7, {}, NoHandler]],
  ['refreshGracePeriod', [-1, Number.NaN, Number.POSITIVE_INFINITY, '30', null, true, {}]],
  [
    'tokenPrefix',
    [
      '',
      'a',
      'a'.repeat(11),
      'AF',
      'a_f',
      'a-f',
      'äf',
      'a.',
      'af\n',
      '[a-z]',
      null,
      7,
      [],
      ['af', 'a|b'],
      ['af', 'af'],
      ['af', null],
      [7],
    ],
  ],
  [
    'cookie',
    [
      null,
      true,
      [],
      'secure',
      { secure: 'true' },
      { httpOnly: 1 },
      { sameSite: 'Lax' },
      { sameSite: true },
      { path: 'api' },
      { path: 'my/api' },
      { path: '' },
      { path: '/a;b' },
      { path: '/a\r\nb' },
      { domain: '' },
      { domain: 'a b' },
      { domain: 'a;b' },
      { domain: null },
      { maxAge: 60 },
      { Secure: true },
    ],
  ],
  [
    'csrf',
    [null, true, [], 'off', { trustedOrigin: [] }, { requireOrigin: 1 }, { trustedOrigins: 'https://a.example' }],
  ],
  ['realm', ['', 'a"b', 'a\\b', 'a\nb', 'a\r\nSet-Cookie: x', 'a\0', 'é', null, 7]],
  ['isUserActive', [null, true, 'active', {}]],
  ['pruneSchedule', ['', ' ', 'hourly', '* * *', '* * * * * * *', 60, true, null, {}]],
  [
    'acceptLegacyTokens',
    [true, null, 'drf-authentify', '', {}, { isAccessToken: () => true }, { isRefreshToken: () => true }],
  ],
  ['contextMaxBytes', [0, -1, 1, 65_536, 100.5, Number.NaN, '4096', null]],
];

describe('R67: options given wrongly', () => {
  it.each(WRONG.flatMap(([name, values]) => values.map((value) => [name, value] as const)))(
    'stop the boot with an error that names the option: %s cannot be %o',
    (name, value) => {
      expectRefusal({ [name]: value }, name);
    },
  );

  it('are covered here, every one of them', () => {
    expect(WRONG.map(([name]) => name).toSorted()).toEqual(Object.keys(resolveOptions({})).toSorted());
  });

  it.each(['tokenTTL', 'TOKEN_TTL', 'hashSecret', 'userEntity', 'isGlobal', 'autoRefresh', 'toString', 'constructor'])(
    'refuse the unknown name %s and tell the known ones',
    (name) => {
      expectRefusal({ [name]: undefined }, name);
      expect(refusalOf({ [name]: SECRET }).message).toContain('refreshTokenTtl');
    },
  );

  it('refuse __proto__ as an unknown name', () => {
    expectRefusal(JSON.parse('{"__proto__":{"tokenTtl":1}}'), '__proto__');
  });

  it.each([
    ['cookie', { cookie: { sameSite: 'Lax' } }, 'sameSite'],
    ['cookie', { cookie: { maxAge: 1 } }, 'maxAge'],
    ['csrf', { csrf: { requireOrigin: 'yes' } }, 'requireOrigin'],
    ['csrf', { csrf: { trustedOrigins: ['example.com'] } }, 'trustedOrigins'],
  ])('name the member of %s that is wrong', (option, given, member) => {
    expectRefusal(given, option);
    expect(refusalOf(given).message).toContain(member);
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'options'],
    ['a number', 7],
    ['a function', () => ({})],
    ['an array', []],
  ])('are refused altogether when they are %s', (_, given) => {
    expectRefusal(given, 'options');
  });

  it('R5: hold no secret in the error, however it is shown', () => {
    const short = 'hunter2-hunter2';
    for (const given of [
      { hashSecrets: [short] },
      { hashSecrets: [SECRET, short] },
      { hashSecrets: [SECRET, SECRET] },
      { hashSecrets: [null, SECRET, null] },
      { hashSecrets: SECRET },
      { hashSecrets: { key: SECRET } },
      { hashSecrets: [SECRET], tokenTtl: 'wrong' },
      { hashSecrets: [SECRET], refreshTokenTtl: '1h' },
      { hashSecret: SECRET },
      { secureHashAlgorithm: SECRET },
      { tokenTtl: SECRET },
      { tokenPrefix: SECRET },
      { tokenPrefix: ['af', SECRET] },
      { realm: `"${SECRET}` },
      { refreshCookieName: `=${SECRET}` },
      { cookie: { path: SECRET } },
      { csrf: { trustedOrigins: [SECRET] } },
    ]) {
      const error = refusalOf(given);
      for (const shown of [error.message, error.stack, inspect(error, { depth: 9, showHidden: true }), String(error)]) {
        expect(shown).not.toContain('hunter2');
        expect(shown).not.toContain('s3cr3t');
      }
      expect(JSON.stringify(error)).not.toContain('s3cr3t');
    }
  });
});

describe('R56, RFC 6454 §6.2: an origin to trust', () => {
  it.each([
    'null',
    '*',
    '',
    'https://*',
    'https://*.example.com',
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://app.example.com?x',
    'https://app.example.com#x',
    'https://app.example.com:443',
    'http://app.example.com:80',
    'https://App.example.com',
    'HTTPS://app.example.com',
    'https://user:pass@app.example.com',
    'https://app.example.com ',
    ' https://app.example.com',
    'https://bücher.example',
    'https://',
    'app.example.com',
    'app.example.com:443',
    '//app.example.com',
    'ftp://app.example.com',
    'ws://app.example.com',
    'file:///etc/passwd',
    'data:text/html,x',
    'javascript:alert(1)',
    'chrome-extension://abc',
    'https://a.example.com, https://b.example.com',
    'https://a.example.com\n',
  ])('cannot be %j', (origin) => {
    expectRefusal({ csrf: { trustedOrigins: ['https://good.example.com', origin] } }, 'csrf');
  });

  it.each([[undefined], [null], [7], [{}], [/example/], [new URL('https://app.example.com')]])(
    'cannot be %o',
    (origin) => {
      expectRefusal({ csrf: { trustedOrigins: [origin] } }, 'csrf');
    },
  );

  it('cannot be named twice', () => {
    expectRefusal({ csrf: { trustedOrigins: ['https://a.example', 'https://a.example'] } }, 'csrf');
  });
});

describe('R67: options that contradict each other', () => {
  it.each([
    ['equal to tokenTtl', { tokenTtl: '1h', refreshTokenTtl: '1h' }],
    ['equal in another spelling', { tokenTtl: 3600, refreshTokenTtl: '60m' }],
    ['shorter than tokenTtl', { tokenTtl: '2h', refreshTokenTtl: '1h' }],
    ['beside an endless access token', { tokenTtl: null, refreshTokenTtl: '7d' }],
    ['left at its default below tokenTtl', { tokenTtl: '7d' }],
  ])('refuse a refreshTokenTtl %s', (_, given) => {
    expectRefusal(given, 'refreshTokenTtl');
  });

  it('accept a refreshTokenTtl one millisecond above tokenTtl', () => {
    expect(() => resolveOptions({ tokenTtl: '1000ms', refreshTokenTtl: '1001ms' })).not.toThrow();
  });

  it.each([
    ['autoRefreshInterval', { autoRefreshMaxTtl: '30d' }],
    ['autoRefreshMaxTtl', { autoRefreshInterval: 300 }],
    ['refreshTokenTtl', { autoRefreshInterval: 300, autoRefreshMaxTtl: '30d', refreshTokenTtl: null }],
  ])('refuse autoRefresh without %s', (option, given) => {
    expectRefusal(given, option, { autoRefresh: true });
    expect(() => resolveOptions(given)).not.toThrow();
    expect(() => resolveOptions(given, { autoRefresh: false })).not.toThrow();
  });

  it('accept autoRefresh with all it needs, also at every request', () => {
    const extras = { autoRefresh: true };
    expect(() => resolveOptions({ autoRefreshInterval: 300, autoRefreshMaxTtl: '30d' }, extras)).not.toThrow();
    expect(() => resolveOptions({ autoRefreshInterval: 0, autoRefreshMaxTtl: '30d' }, extras)).not.toThrow();
  });

  it.each([
    ['equal to', '1h'],
    ['above', '2h'],
  ])('refuse an autoRefreshInterval %s tokenTtl, with autoRefresh and without', (_, autoRefreshInterval) => {
    const given = { tokenTtl: '1h', autoRefreshInterval, autoRefreshMaxTtl: '30d' };
    expectRefusal(given, 'autoRefreshInterval');
    expectRefusal(given, 'autoRefreshInterval', { autoRefresh: true });
    expect(() => resolveOptions({ ...given, autoRefreshInterval: '3599999ms' })).not.toThrow();
  });

  it('refuse a session that ends before its first access token', () => {
    expectRefusal({ tokenTtl: '24h', sessionMaxTtl: '23h' }, 'sessionMaxTtl');
    expectRefusal({ sessionMaxTtl: '86399999ms' }, 'sessionMaxTtl');
    expectRefusal({ tokenTtl: '24h', autoRefreshMaxTtl: '23h' }, 'autoRefreshMaxTtl');
    expect(() => resolveOptions({ tokenTtl: '24h', sessionMaxTtl: '24h' })).not.toThrow();
    expect(() => resolveOptions({ tokenTtl: '24h', autoRefreshMaxTtl: '24h' })).not.toThrow();
    expect(() => resolveOptions({ tokenTtl: null, sessionMaxTtl: '1s' })).not.toThrow();
  });

  it('R32: refuse a refreshGracePeriod above 60 seconds', () => {
    expectRefusal({ refreshGracePeriod: '60001ms' }, 'refreshGracePeriod');
    expectRefusal({ refreshGracePeriod: '5m' }, 'refreshGracePeriod');
  });

  const plain = { authCookieNames: ['token'], refreshCookieName: 'refresh' };
  it.each<[string, AuthentifyOptions]>([
    ['authCookieNames', { cookie: { secure: false } }],
    ['authCookieNames', { cookie: { secure: false }, refreshCookieName: null }],
    ['authCookieNames', { cookie: { secure: false }, ...plain, authCookieNames: ['token', '__Host-old'] }],
    ['authCookieNames', { cookie: { secure: false }, ...plain, authCookieNames: ['__host-token'] }],
    ['authCookieNames', { cookie: { secure: false }, ...plain, authCookieNames: ['__Secure-token'] }],
    ['refreshCookieName', { cookie: { secure: false }, authCookieNames: ['token'] }],
    ['refreshCookieName', { cookie: { secure: false }, ...plain, refreshCookieName: '__Secure-refresh' }],
    ['authCookieNames', { cookie: { domain: 'example.com' } }],
    ['refreshCookieName', { cookie: { domain: 'example.com' }, authCookieNames: ['token'] }],
    ['authCookieNames', { cookie: { path: '/api' } }],
    ['refreshCookieName', { cookie: { path: '/api' }, authCookieNames: ['token'] }],
    ['authCookieNames', { cookie: { secure: false }, ...plain, authCookieNames: ['__Http-token'] }],
    ['authCookieNames', { cookie: { httpOnly: false }, ...plain, authCookieNames: ['__Http-token'] }],
    ['authCookieNames', { cookie: { httpOnly: false }, ...plain, authCookieNames: ['__Host-Http-token'] }],
    ['authCookieNames', { cookie: { path: '/api' }, ...plain, authCookieNames: ['__Host-Http-token'] }],
    ['authCookieNames', { authCookieNames: ['a'.repeat(1025)] }],
    ['cookie', { cookie: { path: `/${'a'.repeat(1024)}` }, ...plain }],
    ['cookie', { cookie: { domain: 'a'.repeat(254) }, ...plain }],
    ['cookie', { cookie: { secure: false, sameSite: 'none' }, ...plain }],
    ['refreshCookieName', { authCookieNames: ['token'], refreshCookieName: 'token' }],
    ['refreshCookieName', { authCookieNames: ['token', 'old'], refreshCookieName: 'old' }],
    ['refreshCookieName', { authCookieNames: ['token'], refreshCookieName: ['refresh', 'token'] }],
  ])('R57, RFC 6265bis §4.1.3, §5.6: refuse cookies browsers would drop or mix up, naming %s: %j', (option, given) => {
    expectRefusal(given, option);
  });

  it('R57: say at once which options plain HTTP takes, and take them', () => {
    const remedy = { authCookieNames: ['token'], refreshCookieName: 'refresh-token', cookie: { secure: false } };
    for (const given of [{ cookie: { secure: false } }, { cookie: { secure: false }, authCookieNames: ['token'] }]) {
      expect(() => resolveOptions(given)).toThrow(
        "authCookieNames: ['token'], refreshCookieName: 'refresh-token', cookie: { secure: false }",
      );
    }
    expect(() => resolveOptions(remedy)).not.toThrow();
  });

  it.each<[AuthentifyOptions]>([
    [{ cookie: { secure: false }, ...plain }],
    [{ authCookieNames: ['__Host-Http-token'], refreshCookieName: '__Host-Http-refresh' }],
    [{ cookie: { path: '/api' }, authCookieNames: ['__Http-token'], refreshCookieName: null }],
    [{ cookie: { secure: false }, authCookieNames: ['token'], refreshCookieName: null }],
    [{ cookie: { secure: false }, authCookieNames: ['my__Host-token'], refreshCookieName: 'my__Secure-refresh' }],
    [{ cookie: { sameSite: 'none' } }],
    [{ cookie: { httpOnly: false } }],
    [{ cookie: { domain: 'example.com', path: '/api' }, ...plain }],
    [{ cookie: { domain: 'example.com' }, authCookieNames: ['__Secure-token'], refreshCookieName: null }],
  ])('R57: accept cookies that browsers keep: %j', (given) => {
    expect(() => resolveOptions(given)).not.toThrow();
  });
});

describe('resolved options', () => {
  const given = {
    hashSecrets: [SECRET],
    authHeaderPrefixes: ['Bearer'],
    authCookieNames: ['__Host-a'],
    cookie: { sameSite: 'strict' as const },
    csrf: { trustedOrigins: ['https://app.example.com'] },
  };

  it('are frozen, lists and groups included', () => {
    const options = resolveOptions(given);
    const { csrf } = options;
    if (csrf === false) throw new Error('csrf is on');
    const { hashSecrets, authHeaderPrefixes, authCookieNames, cookie } = options;
    for (const part of [options, hashSecrets, authHeaderPrefixes, authCookieNames, cookie, csrf, csrf.trustedOrigins]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    for (const part of Object.values(resolveOptions({})))
      expect(Object.isFrozen(part) || typeof part === 'function').toBe(true);
  });

  it('stay as they are when the app changes what it passed, which stays its own', () => {
    const own = structuredClone(given);
    const options = resolveOptions(own);
    expect(own).toEqual(given);
    own.hashSecrets.push('late');
    own.authCookieNames[0] = 'late';
    own.csrf.trustedOrigins.length = 0;
    (own.cookie as { sameSite: string }).sameSite = 'none';
    const { hashSecrets, ...rest } = given;
    expect(options).toMatchObject(rest);
    expect(options.hashSecrets.map((key) => key?.export().toString())).toEqual(hashSecrets);
  });
});
