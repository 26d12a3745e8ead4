import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { SessionStore } from './session-store.js';

/** How long `isUserActive` may take. */
const PATIENCE: Milliseconds = 5_000;
const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;

/** Whether users may act now, as `isUserActive` says: by the app's own function, or by `isActive` of the entity (R51). */
@Injectable()
export class UserActivity {
  private readonly logger = new Logger(UserActivity.name);
  /** Classes of users that have `isActive`, so that a user without a value is one who is not active. */
  private deciding: ReadonlySet<unknown> = new Set();
  private isReported = false;

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: SessionStore,
  ) {}

  /** @throws AuthentifyConfigurationError at boot where `isActive` cannot tell: it would let everybody in (R73). */
  check(): void {
    if (this.options.isUserActive === null) this.deciding = this.store.classesWithIsActive();
  }

  /**
   * @throws AuthentifyUnavailableError where the app's function takes too long: it says neither yes nor no (R62, R75).
   * @throws AuthentifyConfigurationError where it says neither.
   */
  isActive(user: object): boolean | Promise<boolean> {
    const { isUserActive } = this.options;
    if (isUserActive === null) return this.saysSo(user);
    const answer: unknown = isUserActive(user);
    return isPromise(answer) ? this.inTime(answer) : saysYes(answer);
  }

  private saysSo(user: { isActive?: unknown }): boolean {
    return user.isActive === undefined ? !this.deciding.has(user.constructor) : saysYes(user.isActive);
  }

  private async inTime(answer: PromiseLike<unknown>): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.tooLate()), PATIENCE);
    });
    try {
      const value = await Promise.race([answer, late]);
      this.isReported = false;
      return saysYes(value);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Logged once until it answers again: every request may meet it. */
  private tooLate(): AuthentifyUnavailableError {
    const problem = `isUserActive has not answered for ${PATIENCE / 1_000} seconds`;
    if (!this.isReported) {
      this.logger.error(`${problem}; until it does, requests that call it fail with 503. Limit how long it waits`);
    }
    this.isReported = true;
    return new AuthentifyUnavailableError({ cause: new Error(problem) });
  }
}

/**
 * Whether a value means yes, in any form that a database driver returns: `true`, a number other than 0, also as text
 * (`bigint`, `decimal`), or a byte other than 0 (`bit` of MySQL). `null`, `undefined` and `''` mean no.
 *
 * @throws AuthentifyConfigurationError for any other value, such as 'no', which JavaScript would treat as true (R73).
 */
function saysYes(value: unknown): boolean {
  if (!value) return false;
  if (value === true || typeof value === 'number' || typeof value === 'bigint') return true;
  if (typeof value === 'string' && NUMBER.test(value)) return Number(value) !== 0;
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).some((byte) => byte !== 0);
  }
  throw new AuthentifyConfigurationError(
    'isUserActive',
    `must return true or false, but returned ${describe(value)}, so the user is refused. ` +
      "Return a comparison, such as (user) => user.state === 'active'",
  );
}

/** Describes the type only: the value may be personal data. */
function describe(value: object | string | symbol): string {
  if (typeof value === 'string') return 'a text';
  return typeof value === 'object' ? `an instance of ${value.constructor?.name ?? 'no class'}` : `a ${typeof value}`;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
