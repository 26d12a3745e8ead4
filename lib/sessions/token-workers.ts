import { Injectable } from '@nestjs/common';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import type { Place } from './place.js';
import { TokenIssuer } from './login.js';
import { SessionLookup } from '../store/lookup/session-lookup.js';
import { TokenPruner } from './pruning.js';
import { TokenRefresher } from './refresh.js';
import { TokenTable } from '../store/session-table.js';
import { TokenVerifier } from './verification.js';
import { TokenRepository } from '../store/token.repository.js';
import { TransactionEvents } from './transaction-events.js';
import type { TransactionOptions } from '../store/transaction.js';

/** Those who do the work of `TokenService`, all of them at one place: on the pool, or in a transaction of the app. */
@Injectable()
export class TokenWorkers<TToken extends AnyAuthToken = AbstractAuthToken> implements Place<TToken> {
  constructor(
    readonly table: TokenTable<TToken>,
    readonly lookup: SessionLookup<TToken>,
    readonly tokens: TokenRepository<TToken>,
    readonly events: AuthentifyEvents,
    readonly issuer: TokenIssuer<TToken>,
    readonly verifier: TokenVerifier<TToken>,
    readonly refresher: TokenRefresher<TToken>,
    readonly pruner: TokenPruner<TToken>,
  ) {}

  /** Those of the place that a call names. @throws TypeError for a manager that cannot be used. */
  within(options: TransactionOptions | undefined): TokenWorkers<TToken> {
    const transaction = options && this.table.transactionOf(options);
    if (!transaction) return this;
    const table = this.table.within(transaction);
    const lookup = this.lookup.within(table);
    const tokens = this.tokens.within(table);
    const events = new TransactionEvents(this.events, transaction);
    const place: Place<TToken> = { table, lookup, tokens, events };
    return new TokenWorkers(
      table,
      lookup,
      tokens,
      events,
      this.issuer.within(place),
      this.verifier.within(place),
      this.refresher.within(place),
      this.pruner.within(place),
    );
  }
}
