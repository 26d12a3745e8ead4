import { Injectable, Logger } from '@nestjs/common';
import { Observable, type Observer, Subject, Subscriber, Subscription } from 'rxjs';
import type { AuthType } from '../sessions/auth-type.js';
import type { AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { AuthentifyEvent, RejectionReason, RevokedEvent } from './authentify-event.js';

const logger = new Logger('AuthentifyEvents');

/**
 * An observable whose subscribers can hurt neither it nor themselves. What they throw or reject is logged, where rxjs
 * would throw it into the process. A chain of operators that failed is built up again for the next event, where rxjs
 * would leave it deaf (R75).
 */
class ResilientObservable<T> extends Observable<T> {
  readonly #chain: Observable<T>;
  readonly #count: () => number;

  /**
   * @param chain what is subscribed to.
   * @param count how many events there have been.
   */
  constructor(chain: Observable<T>, count: () => number) {
    super();
    this.#chain = chain;
    this.#count = count;
  }

  override readonly pipe = ((...operators: []) =>
    new ResilientObservable(this.#chain.pipe(...operators), this.#count)) as Observable<T>['pipe'];

  override subscribe(observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null): Subscription {
    // rxjs itself, as in `merge` and `firstValueFrom`: it forwards, and tells its own consumer.
    if (observerOrNext instanceof Subscriber) return this.#chain.subscribe(observerOrNext);
    const observer = typeof observerOrNext === 'function' ? { next: observerOrNext } : (observerOrNext ?? {});
    const subscription = new Subscription();
    const listen = (): void => {
      const heardBefore = this.#count();
      const chain = this.#chain.subscribe({
        next: (value) => guard(() => observer.next?.(value)),
        error: (error) => {
          guard(() => (observer.error ? observer.error(error) : report(error)));
          // What fails without an event would fail again at once, and for ever.
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
 * Everything that happens to sessions, as it happens on this node. Subscribe in a provider's `onModuleInit`;
 * a subscriber that fails, also behind `pipe`, changes nothing and hears of the next event (R64, R75). After a failed
 * operator the chain starts anew, so what it had counted or gathered is gone.
 *
 * @example
 * ```ts
 * events.pipe(filter((event) => event.type === 'reuse-detected')).subscribe((event) => alert(event.userId));
 * ```
 */
@Injectable()
export class AuthentifyEvents extends ResilientObservable<AuthentifyEvent> {
  private readonly subject: Subject<AuthentifyEvent>;
  #count = 0;
  /** @internal Endings told in an app's transaction that is over since, for those who look at the rows themselves. */
  readonly settled: Subject<Unstamped<RevokedEvent>> = new Subject();

  constructor() {
    const subject = new Subject<AuthentifyEvent>();
    super(subject.asObservable(), () => this.#count);
    this.subject = subject;
  }

  /** @internal Tells the subscribers; `at` is added. */
  emit(event: Unstamped<AuthentifyEvent>): void {
    if (!this.subject.observed) return;
    this.#count += 1;
    this.subject.next(Object.freeze({ ...event, at: new Date() }));
  }

  /** @internal Tells subscribers and the debug log, and nobody else, why a credential was turned down. */
  reject(reason: RejectionReason, authType: AuthType | undefined, token?: AnyAuthToken): void {
    if (Logger.isLevelEnabled('debug')) logger.debug(`Rejected: ${reason}${token ? `, session ${token.id}` : ''}`);
    const session = token && { sessionId: token.id, userId: token.userId };
    this.emit({ type: 'rejected', reason, ...(authType && { authType }), ...session });
  }
}

/** @internal */
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
  logger.error('A subscriber failed; nothing else is affected', error instanceof Error ? error.stack : undefined);
}
