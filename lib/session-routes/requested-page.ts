import { BadRequestException } from '@nestjs/common';
import type { TransportRequest } from '../authentication/transport-request.js';
import { canonicalUuid } from '../sessions/uuid.js';

/** How many sessions are listed at most. */
const MOST = 100;

/**
 * The part of the list that a query asks for: `limit`, 1 to 100 and 100 by default, and `before`, the id of a session
 * that all of them are older than. It is but a place in the order: of an unknown or foreign session as good as of one's own.
 *
 * @throws BadRequestException for anything else.
 */
export function requestedPage(request: TransportRequest): { limit: number; before: string | undefined } {
  const { limit, before } = (request.query ?? {}) as Record<string, unknown>;
  return {
    limit: limit === undefined ? MOST : limitIn(limit),
    before: before === undefined ? undefined : idIn(before),
  };
}

function limitIn(value: unknown): number {
  const limit = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MOST) throw new BadRequestException(`limit must be a whole number from 1 to ${MOST}`);
  return limit;
}

function idIn(value: unknown): string {
  const id = canonicalUuid(value);
  if (id === null) throw new BadRequestException('before must be the id of a session');
  return id;
}
