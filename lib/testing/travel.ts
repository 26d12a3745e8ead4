import { type Duration, type Milliseconds, parseNamedDuration } from '../options/duration.js';

/** How far the clock is from the one it stands for. */
let ahead: Milliseconds = 0;
let original: DateConstructor | undefined;
let moved: DateConstructor | undefined;

/**
 * Moves the clock forward: `Date.now()` and `new Date()`, and so every token, session and cookie. The clock continues from
 * there. Timers are not changed, so database drivers do not hang. Several moves add up.
 *
 * @param duration seconds or an `ms` string.
 * @returns {@link travelBack}.
 * @example `travel('61m'); await request(server).get('/me').set(headers).expect(401); travelBack();`
 * @throws TypeError, RangeError for anything but a positive duration.
 */
export function travel(duration: Duration): typeof travelBack {
  return moveBy(parseNamedDuration('travel', duration));
}

/**
 * Sets the clock to a time, forward or back; otherwise like {@link travel}.
 *
 * @throws RangeError for an invalid date.
 */
export function travelTo(instant: Date): typeof travelBack {
  const distance = instant.getTime() - Date.now();
  if (Number.isNaN(distance)) throw new RangeError('travelTo needs a valid date');
  return moveBy(distance);
}

/** Restores the clock; call it after each test: `afterEach(travelBack)`. */
export function travelBack(): void {
  // Fake timers that came meanwhile are their owner's to remove.
  if (original && globalThis.Date === moved) globalThis.Date = original;
  ahead = 0;
}

function moveBy(distance: Milliseconds): typeof travelBack {
  // Not moved yet, or replaced since: fake timers go on from where the clock was when they came.
  if (globalThis.Date !== moved) {
    original = globalThis.Date;
    globalThis.Date = moved = movedClock(original);
    ahead = 0;
  }
  ahead += distance;
  return travelBack;
}

function movedClock(clock: DateConstructor): DateConstructor {
  const now = (): number => clock.now() + ahead;
  return new Proxy(clock, {
    get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
    construct: (target, values: unknown[], newTarget) =>
      Reflect.construct(target, values.length === 0 ? [now()] : values, newTarget) as Date,
    apply: (target) => new target(now()).toString(),
  });
}
