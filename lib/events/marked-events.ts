import type { AdminAttribution, AuthentifyEvent, EventOrigin } from './authentify-event.js';
import { AuthentifyEvents, type Unstamped } from './authentify-events.js';

/** Events that tell more: whose act it was (R76), or that a rollback of the app's would undo what they tell (R78). */
export class MarkedEvents extends AuthentifyEvents {
  override readonly settled: AuthentifyEvents['settled'];

  constructor(
    private readonly all: AuthentifyEvents,
    private readonly marks: EventOrigin & AdminAttribution,
  ) {
    super();
    this.settled = all.settled;
  }

  override emit(event: Unstamped<AuthentifyEvent>): void {
    // That ending stands whatever becomes of the transaction.
    if (event.type === 'reuse-detected') this.all.emit(event);
    else this.all.emit({ ...event, ...this.marks });
  }
}
