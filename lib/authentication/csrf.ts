import {
  type CanActivate,
  type ExecutionContext,
  type ForbiddenException,
  Inject,
  Injectable,
  Logger,
} from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { IncomingRequest } from '../options/auth-handler.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AuthType } from '../sessions/auth-type.js';
import { crossSite } from './refusals.js';
import { transportError, requestOf } from './transports.js';
import { isSafe, opensWebSocket, type TransportRequest } from './request.js';

/**
 * Whether a request comes from another site and could change something: not to be done with the user's cookie (R54).
 * Browsers say so in `Sec-Fetch-Site`, older ones in `Origin`; what sends neither is no browser. The `GET` that opens a
 * socket counts as unsafe, also the one by which Socket.IO starts polling.
 */
export function isForeignWrite(request: TransportRequest, csrf: ResolvedOptions['csrf']): boolean {
  if (csrf === false) return false;
  const isWebSocket = opensWebSocket(request);
  const opensSocket = isWebSocket || request.openedSocket !== undefined;
  if (isSafe(request) && !opensSocket) return false;
  const origin = request.headers.origin;
  const site = request.headers['sec-fetch-site'];
  if (typeof origin === 'string' && csrf.trustedOrigins.includes(origin)) return false;
  // Every browser names the origin of a WebSocket (R55). Few say Sec-Fetch-Site there, and Mercurius adds to the headers
  // what a page says in its connection parameters: that it has no objection proves nothing.
  if (isWebSocket && !isOwnOrigin(origin, request)) return true;
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  if (origin !== undefined) return !isOwnOrigin(origin, request);
  return csrf.requireOrigin || opensSocket;
}

/**
 * Where a request was sent to: `Host`, or the `:authority` that HTTP/2 has in its place. One that has both and
 * contradicts itself is malformed (RFC 9113 §8.3.1), and no origin is its own.
 */
export function hostsOf({ headers }: TransportRequest): (string | string[])[] {
  return [headers[':authority'], headers.host].filter((host) => host !== undefined);
}

function isOwnOrigin(origin: unknown, request: TransportRequest): boolean {
  const hosts = hostsOf(request);
  return hosts.length > 0 && hosts.every((host) => isSameHost(origin, host));
}

function isSameHost(origin: unknown, host: unknown): boolean {
  if (typeof origin !== 'string' || typeof host !== 'string' || !URL.canParse(origin)) return false;
  const url = new URL(origin);
  // Behind TLS termination only the proxy knows the scheme; a Host without port means that scheme's own.
  return (
    url.origin !== 'null' &&
    URL.canParse(`${url.protocol}//${host}`) &&
    new URL(`${url.protocol}//${host}`).host === url.host
  );
}

const logger = new Logger('CrossSiteCheck');

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

/**
 * The cross-site check as a separate guard, for your own login and refresh routes with cookies, which have no session that
 * another guard would check (R54). It follows the option `csrf`.
 *
 * @example
 * ```ts
 * @Public()
 * @UseGuards(CrossSiteGuard)
 * @Post('login')
 * login(@Body() body: LoginBody) {}
 * ```
 * @throws ForbiddenException (403) for an unsafe request from another site.
 */
@Injectable()
export class CrossSiteGuard implements CanActivate {
  @Inject() private readonly crossSite: CrossSiteCheck;

  async canActivate(context: ExecutionContext): Promise<boolean> {
    try {
      this.crossSite.assertOwnSite(requestOf(context));
      return true;
    } catch (error) {
      throw await this.refuse(error, context);
    }
  }

  /** Returns the error that answers a refused request; override it for another body. */
  protected refuse(error: unknown, context: ExecutionContext): unknown {
    return transportError(context, error);
  }
}

/** What a log line shows at most of a header: longer than any honest origin. */
const LONGEST_QUOTE = 200;

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
