import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';

/** One thing to change. */
export interface Finding {
  /** The option, column or index at fault. */
  subject: string;
  problem: string;
  remedy: string;
  /** The requirement of OWASP ASVS that it violates, if there is one. */
  source?: string;
}

const DAY: Milliseconds = 24 * 60 * 60 * 1000;

interface Rule extends Finding {
  readonly isBroken: (options: ResolvedOptions) => boolean;
}

/** OWASP ASVS 5.0, mostly chapter V7 (session management), as far as options can meet it. */
const RULES: readonly Rule[] = [
  {
    subject: 'hashSecrets',
    isBroken: ({ hashSecrets }) => hashSecrets.length === 0,
    problem: 'is empty: a stolen database is enough to recognise and to plant tokens',
    remedy:
      'set a key from outside the database (openssl rand -hex 32), on every node [null, key], then [key, null] and at ' +
      'last [key]: nobody is logged out',
    source: 'ASVS 13.3.1',
  },
  {
    subject: 'hashSecrets',
    isBroken: ({ hashSecrets }) => hashSecrets.includes(null),
    problem: 'holds null: who can write to the database can plant tokens',
    remedy: 'put the key first, and remove null once the sessions without a key are over',
    source: 'ASVS 13.3.1',
  },
  {
    subject: 'acceptLegacyTokens',
    isBroken: ({ acceptLegacyTokens }) => acceptLegacyTokens !== null,
    problem: 'accepts tokens whose digests have no key: who can write to the database can plant some',
    remedy: 'remove it once the imported sessions are over or refreshed',
    source: 'ASVS 13.3.1',
  },
  {
    subject: 'tokenTtl',
    isBroken: ({ tokenTtl }) => tokenTtl === null || tokenTtl > DAY,
    problem: 'lets an access token live for more than a day, whether it is used or not',
    remedy: "shorten it, for instance to '1h', and let clients refresh",
    source: 'ASVS 7.3.1',
  },
  {
    subject: 'refreshTokenTtl',
    isBroken: ({ refreshTokenTtl }) => refreshTokenTtl !== null && refreshTokenTtl > 30 * DAY,
    problem: 'lets a session sleep for more than 30 days',
    remedy: "shorten it, for instance to '7d'",
    source: 'ASVS 7.3.1',
  },
  {
    subject: 'sessionMaxTtl',
    isBroken: ({ sessionMaxTtl, refreshTokenTtl, tokenTtl }) =>
      sessionMaxTtl === null && (refreshTokenTtl !== null || tokenTtl === null),
    problem: 'is missing: a session that is refreshed in time never ends',
    remedy: "set the absolute life of a session, for instance '30d'",
    source: 'ASVS 7.3.2',
  },
  {
    subject: 'keepExpiredTokens',
    isBroken: ({ keepExpiredTokens }) => keepExpiredTokens === true,
    problem: 'keeps ended sessions for good',
    remedy: "give it the time your records need, for instance '90d'",
    source: 'ASVS 14.2.7',
  },
  {
    subject: 'enableAuthRestriction',
    isBroken: ({ enableAuthRestriction }) => !enableAuthRestriction,
    problem: 'is off: a token read from a header works as a cookie, and the reverse',
    remedy: 'leave it on',
    source: 'ASVS 7.2.1',
  },
  {
    subject: 'csrf',
    isBroken: ({ csrf }) => csrf === false,
    problem: 'is off: other sites can act with the cookies of your users',
    remedy: 'leave it on, and name in trustedOrigins who may',
    source: 'ASVS 3.5.1',
  },
  {
    subject: 'cookie.secure',
    isBroken: ({ cookie }) => !cookie.secure,
    problem: 'is off: cookies travel over plain http',
    remedy: 'switch it off in development only',
    source: 'ASVS 3.3.1',
  },
  {
    subject: 'cookie.httpOnly',
    isBroken: ({ cookie }) => !cookie.httpOnly,
    problem: 'is off: scripts of the page can read the token',
    remedy: 'leave it on',
    source: 'ASVS 3.3.4',
  },
  {
    subject: 'authCookieNames, refreshCookieName',
    isBroken: ({ authCookieNames, refreshCookieName }) =>
      [authCookieNames[0] ?? '', refreshCookieName[0] ?? '__Host-'].some((name) => !/^__(?:Host|Secure)-/i.test(name)),
    problem: 'are names that other hosts of your domain can write',
    remedy: 'choose names that begin with __Host-',
    source: 'ASVS 3.3.1',
  },
];

/** The rules that options break. */
export function optionFindings(options: ResolvedOptions): Finding[] {
  const broken = RULES.filter(({ isBroken }) => isBroken(options));
  return broken.map(({ subject, problem, remedy, source }) => ({ subject, problem, remedy, source }));
}
