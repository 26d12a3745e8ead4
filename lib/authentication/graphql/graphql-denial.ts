import { denialOf } from '../denials.js';

/** The code of a GraphQL error for an HTTP status, as Nest's driver of Apollo gives it. */
const CODES: Record<number, string> = { 400: 'BAD_REQUEST', 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN' };

/**
 * Adds to a denial what a GraphQL client is told beside its message. Apollo's driver does so for queries; Mercurius, and
 * subscriptions, would tell the message alone. Errors that are no denial stay what they are.
 */
export function asGraphqlError(error: unknown): unknown {
  const denial = denialOf(error);
  if (!denial) return error;
  const code = CODES[denial.statusCode] ?? 'INTERNAL_SERVER_ERROR';
  return Object.assign(error as Error, { extensions: { code, originalError: denial } });
}
