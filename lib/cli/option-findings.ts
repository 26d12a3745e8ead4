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

/** Rules from OWASP ASVS 5.0, mostly chapter V7 (session management), that options can meet. */
const RULES: readonly Rule[] = [
  {
    subject: 'hashSecrets',
    isBroken: ({ hashSecrets }) => hashSecrets.length === 0,
    problem: 'is empty: a stolen database is enough to recognise tokens, and write access is enough to plant them',
    remedy:
      'set a key that is not stored in the database (openssl rand -hex 32): on every server [null, key], then [key, null], ' +
      'then [key]; no one is logged out',
    source: 'ASVS 13.3.1',
  },
  {
    subject: 'hashSecrets',
    isBroken: ({ hashSecrets }) => hashSecrets.includes(null),
    problem: 'contains null: anyone with write access to the database can plant tokens',
    remedy: 'put the key first, and remove null when the sessions without a key have ended',
    source: 'ASVS 13.3.1',
  },
  {
    subject: 'acceptLegacyTokens',
    isBroken: ({ acceptLegacyTokens }) => acceptLegacyTokens !== null,
    problem: 'accepts tokens whose digests have no key: anyone with write access to the database can plant tokens',
    remedy: 'remove it when the imported sessions have ended or been refreshed',
    source: 'ASVS 13.3.1',
  },
  {
    subject: 'tokenTtl',
    isBroken: ({ tokenTtl }) => tokenTtl === null || tokenTtl > DAY,
    problem: 'lets an access token live for more than a day',
    remedy: "shorten it, for example to '1h', and let clients refresh",
    source: 'ASVS 7.3.1',
  },
  {
    subject: 'refreshTokenTtl',
    isBroken: ({ refreshTokenTtl }) => refreshTokenTtl !== null && refreshTokenTtl > 30 * DAY,
    problem: 'lets an unused session live for more than 30 days',
    remedy: "shorten it, for example to '7d'",
    source: 'ASVS 7.3.1',
  },
  {
    subject: 'sessionMaxTtl',
    isBroken: ({ sessionMaxTtl, refreshTokenTtl, tokenTtl }) =>
      sessionMaxTtl === null && (refreshTokenTtl !== null || tokenTtl === null),
    problem: 'is not set: a session that is refreshed in time never ends',
    remedy: "set the absolute end of a session, for example '30d'",
    source: 'ASVS 7.3.2',
  },
  {
    subject: 'keepExpiredTokens',
    isBroken: ({ keepExpiredTokens }) => keepExpiredTokens === true,
    problem: 'keeps ended sessions permanently',
    remedy: "set how long you need the records, for example '90d'",
    source: 'ASVS 14.2.7',
  },
  {
    subject: 'enableAuthRestriction',
    isBroken: ({ enableAuthRestriction }) => !enableAuthRestriction,
    problem: 'is off: a header token works in a cookie, and a cookie token in the header',
    remedy: 'leave it on',
    source: 'ASVS 7.2.1',
  },
  {
    subject: 'csrf',
    isBroken: ({ csrf }) => csrf === false,
    problem: 'is off: other sites can send requests with the cookies of your users',
    remedy: 'turn it on, and list the origins that you trust in trustedOrigins',
    source: 'ASVS 3.5.1',
  },
  {
    subject: 'cookie.secure',
    isBroken: ({ cookie }) => !cookie.secure,
    problem: 'is off: browsers send the cookies over plain HTTP',
    remedy: 'turn it off only in development',
    source: 'ASVS 3.3.1',
  },
  {
    subject: 'cookie.httpOnly',
    isBroken: ({ cookie }) => !cookie.httpOnly,
    problem: 'is off: scripts on the page can read the token',
    remedy: 'leave it on',
    source: 'ASVS 3.3.4',
  },
  {
    subject: 'authCookieNames, refreshCookieName',
    isBroken: ({ authCookieNames, refreshCookieName }) =>
      [authCookieNames[0] ?? '', refreshCookieName[0] ?? '__Host-'].some((name) => !/^__(?:Host|Secure)-/i.test(name)),
    problem: 'contain names that other hosts of your domain can set',
    remedy: 'use names that begin with __Host-',
    source: 'ASVS 3.3.1',
  },
];

/** The rules that options break. */
export function optionFindings(options: ResolvedOptions): Finding[] {
  const broken = RULES.filter(({ isBroken }) => isBroken(options));
  return broken.map(({ subject, problem, remedy, source }) => ({ subject, problem, remedy, source }));
}
