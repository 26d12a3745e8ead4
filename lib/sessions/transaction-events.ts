import type { AuthentifyEvent } from '../events/authentify-event.js';
import { AuthentifyEvents, type Unstamped } from '../events/authentify-events.js';
import type { Transaction } from '../store/transaction.js';

/** Events of a call in an app's transaction: told at once, and marked, because a rollback undoes what they tell. */
export class TransactionEvents extends AuthentifyEvents {
  constructor(
    private readonly all: AuthentifyEvents,
    private readonly transaction: Transaction,
  ) {
    super();
  }

  override emit(event: Unstamped<AuthentifyEvent>): void {
    // It ends the session whatever becomes of the transaction.
    if (event.type === 'reuse-detected') return this.all.emit(event);
    this.all.emit({ ...event, inTransaction: true });
    if (event.type !== 'revoked' || !this.all.settled.observed) return;
    void this.transaction.onceOver(() => this.all.settled.next(event));
  }
}
