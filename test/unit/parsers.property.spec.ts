import { BadRequestException } from '@nestjs/common';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isForeignWrite } from '../../lib/authentication/csrf.js';
import { credentialInHeader } from '../../lib/authentication/credentials/authorization-header.js';
import { cookieValues, credentialInCookies } from '../../lib/authentication/credentials/cookies.js';
import type { TransportRequest } from '../../lib/authentication/request.js';
import { parseDuration } from '../../lib/options/duration.js';
import { OpaqueTokenFormat } from '../../lib/sessions/token-format.js';
import { toContext } from '../../lib/sessions/context.js';
import { cpuTimeOf } from '../support/cpu-time.js';

const RUNS = { numRuns: 2_000 };
const SCHEMES = ['Bearer', 'Token'];
const requestWith = (headers: Record<string, unknown>, more: object = {}): TransportRequest =>
  ({ method: 'POST', headers, ...more }) as unknown as TransportRequest;

/** Text made of these pieces: far more often near the grammar than arbitrary strings are. */
const madeOf = (...pieces: string[]): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...pieces) }, { weight: 1, arbitrary: fc.string() }), {
      maxLength: 12,
    })
    .map((parts) => parts.join(''));

/** Whatever a header may be in Node's hands, and what it never should be. */
const headerValue = (text: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 6, arbitrary: text },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.array(fc.string(), { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  );

const authorization = madeOf('Bearer', 'bEARER', 'Token', 'Basic', ' ', '  ', '\t', '\u00A0', 'abc', 'A-._~+/9', '=', ',', '"', '\r', '\n', '\0', ';'); // prettier-ignore
const cookieText = madeOf('a=1', ';a=', '; a=', 'a', 'b', 'A', '__Host-token', '=', '==', ';', '; ', ' ', '\t', '\u00A0', '"', '%3D', 'j:{}', ',', '\n', '\0'); // prettier-ignore

describe('the Authorization header', () => {
  /** The grammar of R9, read letter by letter. `null` = not ours, '' = ours and malformed. */
  function model(value: string): string | null {
    let index = 0;
    while (index < value.length && value[index] !== ' ') index += 1;
    const scheme = value.slice(0, index);
    if (!SCHEMES.some((known) => known.toLowerCase() === scheme.toLowerCase())) return null;
    while (value[index] === ' ') index += 1;
    const start = index;
    const isLetter = (letter: string): boolean => /^[A-Za-z0-9]$/.test(letter) || '-._~+/'.includes(letter);
    while (index < value.length && isLetter(value[index]!)) index += 1;
    if (index === start) return '';
    while (value[index] === '=') index += 1;
    return index === value.length ? value.slice(start) : '';
  }

  it('R9, RFC 9110 §11.4: is accepted exactly as scheme, spaces and one token68', () => {
    let accepted = 0;
    let refused = 0;
    const check = (value: string): void => {
      const credential = credentialInHeader(requestWith({ authorization: value }), SCHEMES);
      const expected = model(value);
      expect(credential).toEqual(expected === null ? null : { authType: 'header', rawToken: expected });
      if (expected) accepted += 1;
      else refused += 1;
    };
    fc.assert(fc.property(authorization, check), RUNS);
    const token68 = fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,20}={0,3}$/);
    const wellFormed = fc.tuple(fc.constantFrom('Bearer', 'BEARER', 'token'), fc.integer({ min: 1, max: 9 }), token68);
    fc.assert(
      fc.property(wellFormed, ([scheme, spaces, token]) => check(scheme + ' '.repeat(spaces) + token)),
      RUNS,
    );
    expect(accepted).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(500);
  });

  it('R9, R10: gives a credential, nothing or a 400, whatever is in the request', () => {
    const line = fc.oneof(fc.constantFrom('Authorization', 'authorization', 'AUTHORIZATION', 'Cookie'), fc.string());
    const rawHeaders = fc.option(fc.array(line, { maxLength: 6 }), { nil: undefined });
    fc.assert(
      fc.property(headerValue(authorization), rawHeaders, fc.boolean(), (value, lines, onRaw) => {
        const more = onRaw ? { raw: { rawHeaders: lines } } : { rawHeaders: lines };
        const several =
          (lines ?? []).filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'authorization').length > 1;
        const read = () => credentialInHeader(requestWith({ authorization: value }, more), SCHEMES);
        if (several || (value !== undefined && typeof value !== 'string')) expect(read).toThrow(BadRequestException);
        else expect(['header', undefined]).toContain(read()?.authType);
      }),
      RUNS,
    );
  });
});

describe('the Cookie header', () => {
  /** RFC 6265bis, read by a machine with two states instead of by splitting. */
  function model(header: string): [name: string, value: string][] {
    const pairs: [string, string][] = [];
    let name = '';
    let value: string | null = null;
    const space = /^[ \t]+|[ \t]+$/g;
    for (const letter of `${header};`) {
      if (letter === ';') {
        if (value !== null) pairs.push([name.replaceAll(space, ''), value.replaceAll(space, '')]);
        name = '';
        value = null;
      } else if (letter === '=' && value === null) value = '';
      else if (value === null) name += letter;
      else value += letter;
    }
    return pairs;
  }

  it('R12, R13, RFC 6265bis §4.2.1: is read as the reference model reads it', () => {
    let several = 0;
    fc.assert(
      fc.property(cookieText, fc.constantFrom('a', 'b', 'A', '__Host-token', ''), (header, name) => {
        const expected = model(header)
          .filter(([known]) => known === name)
          .map(([, value]) => value);
        if (expected.length > 1) several += 1;
        expect(cookieValues(requestWith({ cookie: header }), name)).toEqual(expected);
      }),
      RUNS,
    );
    expect(several).toBeGreaterThan(20);
  });

  it('R13: gives the first name that is present; twice or more is a bad credential, empty is none', () => {
    fc.assert(
      fc.property(cookieText, (header) => {
        const pairs = model(header);
        let expected: object | null = null;
        for (const cookieName of ['a', 'b']) {
          const values = pairs.filter(([name]) => name === cookieName).map(([, value]) => value);
          if (values.length === 0 || (values.length === 1 && values[0] === '')) continue;
          expected = { authType: 'cookie', cookieName, rawToken: values.length === 1 ? values[0] : '' };
          break;
        }
        expect(credentialInCookies(requestWith({ cookie: header }), ['a', 'b'])).toEqual(expected);
      }),
      RUNS,
    );
  });

  it('R14: is never thrown over, whatever it is', () => {
    fc.assert(
      fc.property(headerValue(cookieText), fc.string(), (cookie, name) => {
        expect(Array.isArray(cookieValues(requestWith({ cookie }), name))).toBe(true);
        expect(credentialInCookies(requestWith({ cookie }), [name, 'a'])?.authType ?? 'cookie').toBe('cookie');
      }),
      RUNS,
    );
  });
});

describe('the format of tokens', () => {
  const format = new OpaqueTokenFormat('af');

  it('R14–R16: answers true or false for anything, and true only for what it would write itself', () => {
    const text = madeOf('af_at_', 'af_rt_', 'af_', '_', '0', 'Zz9', '0'.repeat(43), 'A'.repeat(22), '\n', 'é', '\0');
    fc.assert(
      fc.property(fc.oneof(text, fc.anything()), (value) => {
        for (const kind of ['access', 'refresh'] as const) {
          expect(format.isWellFormed(kind, value)).toBe(false);
        }
      }),
      RUNS,
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const token = format.access(Buffer.from(bytes));
        expect([format.isWellFormed('access', token), format.isWellFormed('refresh', token)]).toEqual([true, false]);
      }),
    );
  });
});

describe('what else comes from outside', () => {
  it('R65: a context is taken or refused with a TypeError, never with anything else', () => {
    const given = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    });
    fc.assert(
      fc.property(given, fc.integer({ min: 2, max: 4096 }), (value, maxBytes) => {
        try {
          const context = toContext(value, maxBytes);
          expect(Object.isFrozen(context)).toBe(true);
          expect(Buffer.byteLength(JSON.stringify(context))).toBeLessThanOrEqual(maxBytes);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
        }
      }),
      RUNS,
    );
  });

  it('R27: a duration is a whole number of milliseconds, or a TypeError or RangeError', () => {
    const text = madeOf('1', '0', '-', '+', '.', 'e', '9'.repeat(30), 's', 'm', 'd', 'ms', 'years', ' ', '\n', '٣');
    fc.assert(
      fc.property(fc.oneof(text, fc.double(), fc.anything()), (value) => {
        try {
          const milliseconds = parseDuration(value);
          expect(Number.isSafeInteger(milliseconds) && milliseconds > 0).toBe(true);
        } catch (error) {
          expect([TypeError, RangeError]).toContain((error as Error).constructor);
        }
      }),
      RUNS,
    );
  });

  const origin = madeOf('http://', 'https://', 'null', 'a.example', ':80', ':443', ':x', '[::1]', '/', '@', '#', '?', '\\', '.', ' '); // prettier-ignore
  const site = fc.oneof(
    headerValue(fc.constantFrom('same-origin', 'none', 'same-site', 'cross-site', 'SAME-ORIGIN', '')),
    fc.constant(undefined),
  );
  const CSRF = { trustedOrigins: ['https://trusted.example'], requireOrigin: false };

  it('R54: the cross-site check answers true or false, whatever headers come', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constantFrom('GET', 'POST', 'post', 'get', undefined), fc.string()),
        fc.record({ origin: headerValue(origin), host: headerValue(origin), 'sec-fetch-site': site }),
        fc.boolean(),
        (method, headers, requireOrigin) => {
          expect(isForeignWrite(requestWith(headers, { method }), { ...CSRF, requireOrigin })).toBeTypeOf('boolean');
        },
      ),
      RUNS,
    );
  });

  it('R54: an unsafe request passes only as same-origin, none, trusted, of its own host, or from no browser', () => {
    fc.assert(
      fc.property(origin, fc.constantFrom('a.example', 'a.example:8443', '[::1]'), site, (from, host, fetchSite) => {
        const headers = { origin: from, host, 'sec-fetch-site': fetchSite };
        const foreign = isForeignWrite(requestWith(headers), CSRF);
        if (fetchSite !== undefined) {
          expect(foreign).toBe(fetchSite !== 'same-origin' && fetchSite !== 'none');
        } else if (!foreign) {
          const { host: sent, protocol } = new URL(from);
          expect(['http:', 'https:']).toContain(protocol);
          expect(sent).toBe(new URL(`${protocol}//${host}`).host);
        }
      }),
      RUNS,
    );
  });

  it('R54: an unsafe request without Host is of no host, whatever its origin', () => {
    for (const host of ['undefined', 'null', '']) {
      expect(isForeignWrite(requestWith({ origin: `https://${host}`, host: undefined }), CSRF)).toBe(true);
    }
  });
});

describe('adversarial repetition', () => {
  const LENGTH = 1_048_576;
  const format = new OpaqueTokenFormat('af');
  const attacks = [
    ' ',
    '\t',
    ';',
    '=',
    'a=',
    'a=;',
    '; a',
    'Bearer ',
    'A',
    '0',
    '/',
    '.',
    ',',
    '\u00A0',
    '__Host-token=',
  ];
  const parsers: [string, (text: string) => unknown][] = [
    ['credentialInHeader', (text) => credentialInHeader(requestWith({ authorization: text }), SCHEMES)],
    ['credentialInHeader after the scheme', (text) => credentialInHeader(requestWith({ authorization: `Bearer ${text}!` }), SCHEMES)], // prettier-ignore
    ['cookieValues', (text) => cookieValues(requestWith({ cookie: `${text}!` }), 'a')],
    ['credentialInCookies', (text) => credentialInCookies(requestWith({ cookie: `a=${text};a=${text}!` }), ['b', 'a'])],
    ['OpaqueTokenFormat', (text) => format.isWellFormed('access', `af_at_${text}`)],
    ['toContext', (text) => attempt(() => toContext({ [text]: text, list: [text] }, 4096))],
    ['parseDuration', (text) => attempt(() => parseDuration(`1${text}d`))],
    ['isForeignWrite', (text) => isForeignWrite(requestWith({ origin: `https://${text}`, host: text }), { trustedOrigins: [], requireOrigin: true })], // prettier-ignore
  ];

  // A quadratic parser takes 10^12 steps for a megabyte, many minutes; a linear one some milliseconds.
  it.each(parsers)('R9, R15: %s works through a megabyte in linear time', (_, parse) => {
    const time = cpuTimeOf(() => {
      for (const attack of attacks) parse(attack.repeat(Math.ceil(LENGTH / attack.length)));
    });
    expect(time).toBeLessThan(10_000);
  });
});

/** What a documented refusal costs is as interesting as an answer. */
function attempt(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
