import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { isActiveByDefault, saysYes } from '../options/says-yes.js';
import { LATE, within } from '../options/within.js';
import { SessionStore } from './session-store.js';

/** How long `isUserActive` may take. */
const PATIENCE: Milliseconds = 5_000;

/** Whether users may act now, as `isUserActive` says: by the app's own function, or by `isActive` of the entity (R51). */
@Injectable()
export class UserActivity {
  private readonly logger = new Logger(UserActivity.name);
  private readonly isDefault: boolean;
  /** Classes of users that have `isActive`, so that a user without a value is one who is not active. */
  private deciding: ReadonlySet<unknown> = new Set();
  private isReported = false;

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: SessionStore,
  ) {
    this.isDefault = options.isUserActive === isActiveByDefault;
  }

  /** @throws AuthentifyConfigurationError at boot where the default cannot judge: it would let everybody in (R73). */
  check(): void {
    if (this.isDefault) this.deciding = this.store.classesWithIsActive();
  }

  /**
   * @throws AuthentifyUnavailableError where the app's function takes too long: it says neither yes nor no (R62, R75).
   * @throws AuthentifyConfigurationError where it says neither.
   */
  isActive(user: object): boolean | Promise<boolean> {
    const answer: unknown = this.options.isUserActive(user);
    if (isPromise(answer)) return this.inTime(answer);
    const isMissing = this.isDefault && (user as { isActive?: unknown }).isActive === undefined;
    return isMissing ? !this.deciding.has(user.constructor) : saysYes(answer);
  }

  private async inTime(answer: PromiseLike<unknown>): Promise<boolean> {
    const value = await within(PATIENCE, answer);
    if (value === LATE) throw this.tooLate();
    this.isReported = false;
    return saysYes(value);
  }

  /** Logged once until it answers again: every request may meet it. */
  private tooLate(): AuthentifyUnavailableError {
    const problem = `isUserActive has not answered for ${PATIENCE / 1_000} seconds`;
    if (!this.isReported) {
      this.logger.error(`${problem}; requests that ask it are answered with 503. Bound what it waits for`);
    }
    this.isReported = true;
    return new AuthentifyUnavailableError({ cause: new Error(problem) });
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
