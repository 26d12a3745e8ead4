import { Injectable, Logger } from '@nestjs/common';
import { Observable, type Observer, Subject, Subscription } from 'rxjs';
import type { AuthType } from '../sessions/auth-type.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { AuthentifyEvent, RejectionReason, RevokedEvent } from './authentify-event.js';

const logger = new Logger('AuthentifyEvents');

/**
 * An observable that survives failing subscribers. Their errors are logged; rxjs would throw them into the process. A
 * chain of operators that failed is subscribed again for the next event; rxjs would leave it unsubscribed (R75).
 */
class ResilientObservable<T> extends Observable<T> {
  readonly #chain: Observable<T>;
  readonly #count: () => number;

  /**
   * @param chain the observable to subscribe to.
   * @param count returns the number of events so far.
   */
  constructor(chain: Observable<T>, count: () => number) {
    super();
    this.#chain = chain;
    this.#count = count;
  }

  override readonly pipe = ((...operators: []) =>
    new ResilientObservable(this.#chain.pipe(...operators), this.#count)) as Observable<T>['pipe'];

  override subscribe(observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null): Subscription {
    // An observer that can be unsubscribed is one of rxjs's own, as in `merge`: it forwards errors to its own consumer.
    if (observerOrNext instanceof Subscription) return this.#chain.subscribe(observerOrNext);
    const observer = typeof observerOrNext === 'function' ? { next: observerOrNext } : (observerOrNext ?? {});
    const subscription = new Subscription();
    const listen = (): void => {
      const heardBefore = this.#count();
      const chain = this.#chain.subscribe({
        next: (value) => guard(() => observer.next?.(value)),
        error: (error) => {
          guard(() => (observer.error ? observer.error(error) : report(error)));
          // A chain that fails without an event would fail again at once, forever.
          if (this.#count() > heardBefore && !subscription.closed) listen();
        },
        complete: () => guard(() => observer.complete?.()),
      });
      subscription.add(chain);
    };
    listen();
    return subscription;
  }
}

/**
 * An observable of all session events of this process. Subscribe in the `onModuleInit` of a provider. If a subscriber or an
 * operator in `pipe` fails, nothing else is affected, and the subscriber still receives the next event (R64, R75). After a
 * failed operator, the chain starts again and loses what it had collected.
 *
 * @example
 * ```ts
 * events.pipe(filter((event) => event.type === 'reuse-detected')).subscribe((event) => alert(event.userId));
 * ```
 */
@Injectable()
export class AuthentifyEvents extends Observable<AuthentifyEvent> {
  private readonly subject = new Subject<AuthentifyEvent>();
  #count = 0;
  readonly #resilient = new ResilientObservable<AuthentifyEvent>(this.subject.asObservable(), () => this.#count);
  override readonly pipe: Observable<AuthentifyEvent>['pipe'] = this.#resilient.pipe;
  /** @internal Endings in a transaction of the app, emitted again after it, for code that then reads the rows. */
  readonly settled: Subject<Unstamped<RevokedEvent>> = new Subject();

  override subscribe(
    observerOrNext?: Partial<Observer<AuthentifyEvent>> | ((value: AuthentifyEvent) => void) | null,
  ): Subscription {
    return this.#resilient.subscribe(observerOrNext);
  }

  /** @internal Emits an event, and adds `at`. */
  emit(event: Unstamped<AuthentifyEvent>): void {
    if (!this.subject.observed) return;
    this.#count += 1;
    this.subject.next(Object.freeze({ ...event, at: new Date() }));
  }

  /** @internal Tells subscribers and the debug log, and no one else, why a credential was refused. */
  reject(reason: RejectionReason, authType: AuthType | undefined, token?: AnyAuthToken): void {
    if (Logger.isLevelEnabled('debug')) logger.debug(`Rejected: ${reason}${token ? `, session ${token.id}` : ''}`);
    const session = token && { sessionId: token.id, userId: token.userId };
    this.emit({ type: 'rejected', reason, ...(authType && { authType }), ...session });
  }
}

/** An event before it is told: without its time. */
export type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never;

function guard(tell: () => unknown): void {
  try {
    const result = tell();
    if (result instanceof Promise) result.catch(report);
  } catch (error) {
    report(error);
  }
}

function report(error: unknown): void {
  logger.error(
    'A subscriber of AuthentifyEvents failed; nothing else is affected',
    error instanceof Error ? error.stack : undefined,
  );
}
