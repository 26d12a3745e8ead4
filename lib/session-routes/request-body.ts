import type { IncomingMessage } from 'node:http';
import { isSafe, type TransportRequest } from '../authentication/request.js';
import { hiddenField } from '../sessions/hidden.js';

/** What a request brings: nothing, whatever its type, JSON, or something that session routes do not read. */
export type BodyKind = 'none' | 'json' | 'other';

/** A request as Node and body parsers leave it. */
type ArrivingRequest = IncomingMessage & { body?: unknown };

/** The kinds that were found out before an adapter's parser could refuse the request. */
const known = hiddenField<BodyKind>();

/** How messages are framed; without these an adapter's parser has nothing to do (RFC 9112 §6.3). */
const FRAMING = ['content-type', 'content-length', 'transfer-encoding'];

/**
 * Middleware of the session routes: it looks whether there is a body, and hides from the adapter's parser what these
 * routes do not read. A client may state a type and send nothing, as axios and `curl -d ''` do, and a body beside a
 * good credential is no obstacle; Fastify would answer 400 or 415 before any guard. On Express the parser ran before.
 */
export async function sortBody(request: ArrivingRequest, _response: unknown, next: () => void): Promise<void> {
  if (!isSafe(request)) {
    const kind = kindOf(request, await hasContent(request));
    known.set(request, kind);
    if (kind !== 'json') for (const name of FRAMING) delete request.headers[name];
  }
  next();
}

/** What {@link sortBody} found; by the headers alone where a path's spelling led past it. */
export function bodyKindOf(request: TransportRequest): BodyKind {
  return known.get(request.raw ?? request) ?? kindOf(request, (statedLength(request) ?? 1) > 0);
}

function kindOf(request: Pick<TransportRequest, 'headers'>, hasContent: boolean): BodyKind {
  if (!hasContent) return 'none';
  return isJson(request) ? 'json' : 'other';
}

/** Whether a body is JSON by its media type (RFC 9110 §8.3.1): forms of foreign pages never are. */
function isJson({ headers }: Pick<TransportRequest, 'headers'>): boolean {
  const type = headers['content-type'];
  return typeof type === 'string' && /^application\/json[ \t]*(;|$)/i.test(type);
}

async function hasContent(request: ArrivingRequest): Promise<boolean> {
  const length = statedLength(request);
  if (length !== null) return length > 0;
  if (request.readableEnded) return isJson(request) || !isEmpty(request.body);
  return startsWithContent(request);
}

/** `null` where only the end of a body tells how long it is. */
function statedLength({ headers, httpVersionMajor = 1 }: Partial<ArrivingRequest> & TransportRequest): number | null {
  const length = headers['content-length'];
  if (headers['transfer-encoding'] !== undefined || (length === undefined && httpVersionMajor > 1)) return null;
  return Number(length ?? 0);
}

/** Whether a parser has found nothing to put there. */
function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || body === '' || Object.keys(body).length === 0;
}

/** Waits for the first bytes or the end, and puts the bytes back. */
function startsWithContent(request: IncomingMessage): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (content: boolean): void => {
      request.off('readable', look).off('end', end).off('close', end).off('error', end);
      resolve(content);
    };
    const look = (): void => {
      const chunk = request.read() as Buffer | null;
      if (chunk === null) return;
      request.unshift(chunk);
      settle(true);
    };
    const end = (): void => settle(false);
    request.on('readable', look).on('end', end).on('close', end).on('error', end);
  });
}
