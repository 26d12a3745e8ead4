import { type ForbiddenException, Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { IncomingRequest } from '../options/auth-handler.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../sessions/auth-type.js';
import { hostsOf, isForeignWrite } from './csrf.js';
import { crossSite } from './denials.js';

const logger = new Logger('CrossSiteCheck');

/** What a log line shows at most of a header: longer than any honest origin. */
const LONGEST_QUOTE = 200;

/** Turns away what other sites send in the user's name, by the option `csrf`. */
@Injectable()
export class CrossSiteCheck {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly events: AuthentifyEvents,
  ) {}

  /** @throws ForbiddenException (403) for an unsafe request from a foreign site (R54). */
  assertOwnSite(request: IncomingRequest, authType?: AuthType): void {
    if (isForeignWrite(request, this.options.csrf)) throw crossSiteRefusal(request, this.events, authType);
  }
}

/** The answer to a request from another site, after subscribers and the debug log were told of it. */
export function crossSiteRefusal(
  request: IncomingRequest,
  events: AuthentifyEvents,
  authType?: AuthType,
): ForbiddenException {
  if (Logger.isLevelEnabled('debug')) logger.debug(`Rejected: cross-site. ${originsOf(request)}`);
  events.emit({ type: 'rejected', reason: 'cross-site', ...(authType && { authType }) });
  return crossSite();
}

/** Where a request says it comes from and where it went, for whoever wonders why the two are not one site. */
function originsOf(request: IncomingRequest): string {
  const { origin, 'sec-fetch-site': site } = request.headers;
  const hosts = hostsOf(request).map(quoted).join(' and ');
  return (
    `The page's Origin is ${quoted(origin)}, its Sec-Fetch-Site ${quoted(site)}, and the Host it asked is ` +
    `${hosts || 'not given'}. If the page is yours, add its origin to csrf.trustedOrigins, or let your proxy keep Host`
  );
}

/** A header as data: no line break, escape sequence or endless text of a client gets into the log (R64). */
function quoted(header: string | string[] | undefined): string {
  if (header === undefined) return 'not given';
  const text = String(header);
  const shown = JSON.stringify(text.slice(0, LONGEST_QUOTE)).replaceAll(/[^ -~]/g, escaped);
  return text.length > LONGEST_QUOTE ? `${shown} …` : shown;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
