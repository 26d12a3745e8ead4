import type { AuthentifyEvents } from '../events/authentify-events.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import type { SessionLookup } from '../store/lookup/session-lookup.js';
import type { TokenTable } from '../store/session-table.js';
import type { TokenRepository } from '../store/token.repository.js';

/** What statements and events of a call go through: those of the pool, or those of one transaction of the app. */
export interface Place<TToken extends AnyAuthToken = AbstractAuthToken> {
  table: TokenTable<TToken>;
  lookup: SessionLookup<TToken>;
  tokens: TokenRepository<TToken>;
  events: AuthentifyEvents;
}
