import type { Attribution, AuthentifyEvent } from '../events/authentify-event.js';
import { AuthentifyEvents, type Unstamped } from '../events/authentify-events.js';

/** Events of what somebody does to sessions of others: each tells whose act it was (R76). */
export class AttributedEvents extends AuthentifyEvents {
  constructor(
    private readonly all: AuthentifyEvents,
    private readonly attribution: Attribution,
  ) {
    super();
  }

  override emit(event: Unstamped<AuthentifyEvent>): void {
    this.all.emit({ ...event, ...this.attribution });
  }
}
