import { Injectable, Logger } from '@nestjs/common';
import { Observable, type Observer, type Operator, Subject, type Subscription } from 'rxjs';
import type { AuthType } from '../tokens/auth-type.js';
import type { AnyAuthToken } from '../tokens/entities/abstract-auth-token.js';
import type { AuthentifyEvent, RejectionReason } from './authentify-event.js';

const logger = new Logger('AuthentifyEvents');

/**
 * An observable whose subscribers cannot hurt it: what they throw or reject is logged, where rxjs would throw it
 * into the process. Whatever is piped from it behaves the same.
 */
class SafeObservable<T> extends Observable<T> {
  override subscribe(observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null): Subscription {
    const observer = typeof observerOrNext === 'function' ? { next: observerOrNext } : (observerOrNext ?? {});
    // Operators and subscribers of rxjs itself forward; only an end consumer is wrapped.
    if ('isStopped' in observer) return super.subscribe(observer);
    return super.subscribe({
      next: (value) => guard(() => observer.next?.(value)),
      error: (error) => guard(() => (observer.error ? observer.error(error) : report(error))),
      complete: () => guard(() => observer.complete?.()),
    });
  }

  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    const lifted = new SafeObservable<R>();
    lifted.source = this;
    lifted.operator = operator;
    return lifted;
  }
}

/**
 * Everything that happens to sessions, as it happens on this node. Subscribe in a provider's `onModuleInit`;
 * a subscriber that fails, also behind `pipe`, changes nothing (R64).
 *
 * @example
 * ```ts
 * events.pipe(filter((event) => event.type === 'reuse-detected')).subscribe((event) => alert(event.userId));
 * ```
 */
@Injectable()
export class AuthentifyEvents extends SafeObservable<AuthentifyEvent> {
  private readonly subject: Subject<AuthentifyEvent>;

  constructor() {
    const subject = new Subject<AuthentifyEvent>();
    super((subscriber) => subject.subscribe(subscriber));
    this.subject = subject;
  }

  /** @internal Tells the subscribers; `at` is added. */
  emit(event: Unstamped<AuthentifyEvent>): void {
    if (!this.subject.observed) return;
    this.subject.next(Object.freeze({ ...event, at: new Date() }));
  }

  /** @internal Tells subscribers and the debug log, and nobody else, why a credential was turned down. */
  reject(reason: RejectionReason, authType: AuthType | undefined, token?: AnyAuthToken): void {
    if (Logger.isLevelEnabled('debug')) logger.debug(`Rejected: ${reason}${token ? `, session ${token.id}` : ''}`);
    const session = token && { sessionId: token.id, userId: token.userId };
    this.emit({ type: 'rejected', reason, ...(authType && { authType }), ...session });
  }
}

type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never;

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
