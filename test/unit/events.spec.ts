import { Logger, type LoggerService } from '@nestjs/common';
import { AuthentifyEvents, type AuthentifyEvent } from 'nestjs-authentify';
import {
  concatMap,
  defer,
  filter,
  firstValueFrom,
  map,
  merge,
  mergeMap,
  mergeWith,
  type Observable,
  of,
  share,
  shareReplay,
  Subject,
  take,
  tap,
  throwError,
  timeout,
  toArray,
} from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const NOW = Date.UTC(2026, 0, 15, 12);
const SECRET = 'af_at_secret';

describe('events', () => {
  let events: AuthentifyEvents;
  let seen: AuthentifyEvent['type'][];
  const crashes: unknown[] = [];
  const errors: unknown[][] = [];
  const collect = (event: AuthentifyEvent): number => seen.push(event.type);
  const noteCrash = (error: unknown): number => crashes.push(error);
  const logger: LoggerService = {
    log() {},
    warn() {},
    error: (...told: unknown[]) => errors.push(told),
  };

  /** Long enough for rxjs to report what it reports in a timer, and for Node to find unhandled rejections. */
  const afterAllTimers = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
  const emit = (): void => events.emit({ type: 'pruned', count: 1 });

  // The runner listens for crashes itself and would fail the whole file; here they are what is looked for.
  const listeners = {
    uncaughtException: process.listeners('uncaughtException'),
    unhandledRejection: process.listeners('unhandledRejection'),
  };

  beforeEach(() => {
    events = new AuthentifyEvents();
    seen = [];
    crashes.length = 0;
    errors.length = 0;
    Logger.overrideLogger(logger);
    process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection');
    process.on('uncaughtException', noteCrash).on('unhandledRejection', noteCrash);
  });

  afterEach(async () => {
    await afterAllTimers();
    Logger.overrideLogger(false);
    process.off('uncaughtException', noteCrash).off('unhandledRejection', noteCrash);
    for (const listener of listeners.uncaughtException) process.on('uncaughtException', listener);
    for (const listener of listeners.unhandledRejection) process.on('unhandledRejection', listener);
  });

  it('R64: reach every subscriber as frozen data with their time', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const received: AuthentifyEvent[] = [];
    events.subscribe((event) => received.push(event));
    events.subscribe({ next: collect });
    events.emit({ type: 'issued', sessionId: 's', userId: 7, authType: 'header', alreadyEnded: false });

    expect(received).toEqual([
      { type: 'issued', sessionId: 's', userId: 7, authType: 'header', alreadyEnded: false, at: new Date(NOW) },
    ]);
    expect(Object.isFrozen(received[0])).toBe(true);
    expect(seen).toEqual(['issued']);
  });

  it('end for a subscriber that unsubscribes', () => {
    const subscription = events.subscribe(collect);
    emit();
    subscription.unsubscribe();
    emit();
    expect(seen).toEqual(['pruned']);
  });

  it('tell a rejection by its true reason, with the session where there is one', () => {
    const received: AuthentifyEvent[] = [];
    events.subscribe((event) => received.push(event));
    events.reject('malformed', undefined);
    events.reject('expired', 'cookie', { id: 's', userId: 'u' } as never);
    expect(received).toEqual([
      { type: 'rejected', reason: 'malformed', at: expect.any(Date) as Date },
      {
        type: 'rejected',
        reason: 'expired',
        authType: 'cookie',
        sessionId: 's',
        userId: 'u',
        at: expect.any(Date) as Date,
      },
    ]);
  });

  it.each<[string, (source: AuthentifyEvents) => unknown]>([
    [
      'a function that throws',
      (source) =>
        source.subscribe(() => {
          throw new Error('broken subscriber');
        }),
    ],
    [
      'an observer that throws',
      (source) =>
        source.subscribe({
          next: () => {
            throw new Error('broken subscriber');
          },
        }),
    ],
    ['an async function that rejects', (source) => source.subscribe(() => rejectPlain(new Error('broken subscriber')))],
    [
      'an observer with an async method that rejects',
      (source) => source.subscribe({ next: () => rejectPlain(new Error('broken subscriber')) }),
    ],
    ['a function that throws no Error', (source) => source.subscribe(() => throwPlain('broken subscriber'))],
    ['a function that rejects with undefined', (source) => source.subscribe(() => rejectPlain(undefined))],
    [
      'a function behind pipe()',
      (source) =>
        source.pipe(filter(({ type }) => type === 'pruned')).subscribe(() => {
          throw new Error('broken subscriber');
        }),
    ],
    [
      'an async function behind two pipes',
      (source) =>
        source
          .pipe(filter(() => true))
          .pipe(map((event) => event.type))
          .subscribe(() => rejectPlain(new Error('broken subscriber'))),
    ],
    [
      'a function behind share()',
      (source) =>
        source.pipe(share()).subscribe(() => {
          throw new Error('broken subscriber');
        }),
    ],
    [
      'a function behind shareReplay()',
      (source) =>
        source.pipe(shareReplay(1)).subscribe(() => {
          throw new Error('broken subscriber');
        }),
    ],
    [
      'a function behind mergeMap()',
      (source) =>
        source.pipe(mergeMap((event) => [event.type, event.at])).subscribe(() => {
          throw new Error('broken subscriber');
        }),
    ],
    [
      'an operator that throws',
      (source) => source.pipe(map(() => throwPlain(new Error('broken operator')))).subscribe(),
    ],
    [
      'an operator that throws, before a subscriber',
      (source) => source.pipe(tap(() => throwPlain(new Error('broken operator')))).subscribe(() => {}),
    ],
    [
      'an operator that throws, with an error handler that throws',
      (source) =>
        source
          .pipe(map(() => throwPlain(new Error('broken operator'))))
          .subscribe({ error: () => throwPlain(new Error('broken handler')) }),
    ],
    [
      'an inner observable that fails',
      (source) => source.pipe(mergeMap(() => Promise.reject(new Error('broken inner')))).subscribe(),
    ],
    [
      'a complete handler that throws',
      (source) => source.pipe(take(1)).subscribe({ complete: () => throwPlain(new Error('broken handler')) }),
    ],
  ])('R64: survive %s, and so do the process and the other subscribers', async (_, subscribe) => {
    events.subscribe(collect);
    subscribe(events);
    events.subscribe({ next: collect });
    events.pipe(filter(() => true)).subscribe(collect);

    expect(emit).not.toThrow();
    await afterAllTimers();
    expect(emit).not.toThrow();
    await afterAllTimers();

    expect(seen).toEqual(Array.from({ length: 6 }, () => 'pruned'));
    expect(crashes).toEqual([]);
    expect(errors.length).toBeGreaterThan(0);
  });

  it('need that care: a plain Subject lets its subscribers crash the process', async () => {
    const plain = new Subject<number>();
    plain.subscribe(() => throwPlain('broken subscriber'));
    plain.subscribe(() => rejectPlain(new Error('broken subscriber')));
    plain.next(1);
    await afterAllTimers();
    expect(crashes).toHaveLength(2);
  });

  it('R64: keep coming to a subscriber that failed once', () => {
    let calls = 0;
    for (const source of [events, events.pipe(filter(() => true))]) {
      source.subscribe(() => {
        calls += 1;
        throw new Error('broken subscriber');
      });
    }
    emit();
    emit();
    expect(calls).toBe(4);
  });

  it.each<[string, (once: () => void) => (source: AuthentifyEvents) => Observable<unknown>]>([
    ['map', (once) => (source) => source.pipe(map(once))],
    ['filter', (once) => (source) => source.pipe(filter(() => (once(), true)))],
    ['an operator behind two pipes', (once) => (source) => source.pipe(filter(() => true)).pipe(tap(once))],
    [
      'a promise of mergeMap, which rejects later',
      (once) => (source) => source.pipe(mergeMap(() => Promise.resolve().then(once))),
    ],
    ['an inner observable of concatMap', (once) => (source) => source.pipe(concatMap(() => defer(() => of(once()))))],
    ['an operator before share()', (once) => (source) => source.pipe(tap(once), share())],
    ['an operator before shareReplay()', (once) => (source) => source.pipe(tap(once), shareReplay(1))],
  ])('R75: keep coming to a subscriber behind %s that failed once', async (_, chainOf) => {
    const failures = [new Error('broken operator')];
    const chain = chainOf(() => {
      const failure = failures.pop();
      if (failure) throw failure;
    })(events);
    let [heard, alsoHeard] = [0, 0];
    chain.subscribe(() => (heard += 1));
    const other = chain.subscribe({ next: () => (alsoHeard += 1), error: () => {} });
    for (let time = 0; time < 3; time += 1) {
      emit();
      await afterAllTimers();
    }
    expect(failures).toEqual([]);
    expect(heard).toBeGreaterThanOrEqual(2);
    expect(alsoHeard).toBeGreaterThanOrEqual(2);
    other.unsubscribe();
    const before = alsoHeard;
    emit();
    await afterAllTimers();
    expect(alsoHeard).toBe(before);
  });

  it('stop coming to a subscriber that unsubscribes when an operator fails', () => {
    let failures = 0;
    const subscription = events
      .pipe(map(() => throwPlain(new Error('broken operator'))))
      .subscribe({ error: () => ((failures += 1), subscription.unsubscribe()) });
    emit();
    emit();
    expect([failures, subscription.closed]).toEqual([1, true]);
  });

  it('end for a chain that fails without any event, rather than starting it over for ever', async () => {
    const failing = events.pipe(mergeWith(throwError(() => new Error('broken source'))));
    failing.subscribe();
    events.pipe(timeout(1)).subscribe(collect);
    await afterAllTimers();
    await afterAllTimers();
    emit();
    expect(seen).toEqual([]);
    expect(errors.length).toBe(2);
  });

  it('are shared by those behind one share()', () => {
    let runs = 0;
    const shared = events.pipe(
      tap(() => (runs += 1)),
      share(),
    );
    shared.subscribe(collect);
    shared.subscribe(collect);
    emit();
    expect([runs, seen.length]).toEqual([1, 2]);
  });

  it('may be merged with other observables', async () => {
    const merged = firstValueFrom(merge(events, events.pipe(map(({ type }) => type))).pipe(take(2), toArray()));
    emit();
    expect(await merged).toMatchObject([{ type: 'pruned' }, 'pruned']);
  });

  it('R63: are not repeated in the log of a failing subscriber', async () => {
    events.subscribe(() => {
      throw new Error('broken subscriber');
    });
    events.subscribe(() => rejectPlain({ rawToken: SECRET }));
    emit();
    await afterAllTimers();
    expect(errors).toHaveLength(2);
    expect(JSON.stringify(errors)).not.toContain(SECRET);
  });

  it('hand errors of an operator to the error handler of its own chain', () => {
    const told: unknown[] = [];
    const problem = new Error('broken operator');
    events.pipe(map(() => throwPlain(problem))).subscribe({ error: (error) => told.push(error) });
    emit();
    expect(told).toEqual([problem]);
    expect(errors).toEqual([]);
  });

  it('work with everything rxjs does: several operators, completion, promises', async () => {
    const three = firstValueFrom(
      events.pipe(
        filter(({ type }) => type === 'pruned'),
        map(({ at }) => at),
        take(3),
        toArray(),
      ),
    );
    let completed = 0;
    events.pipe(take(1)).subscribe({ complete: () => (completed += 1) });
    for (let time = 0; time < 4; time += 1) emit();
    expect(await three).toHaveLength(3);
    expect(completed).toBe(1);
  });

  it('cost nothing and fail nothing where nobody listens', () => {
    expect(emit).not.toThrow();
    const empty = events.subscribe();
    expect(emit).not.toThrow();
    empty.unsubscribe();
    expect(events.subscribe(null).closed).toBe(false);
  });
});

function throwPlain(problem: unknown): never {
  throw problem;
}

/** What an async function does that throws; typed as rxjs types its callbacks. */
function rejectPlain(problem: unknown): void {
  return Promise.reject(problem) as never;
}
