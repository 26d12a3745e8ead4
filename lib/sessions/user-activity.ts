import { Inject, Injectable, Logger } from '@nestjs/common';
import type { EntityMetadata } from 'typeorm';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { isActiveByDefault, saysYes } from '../options/says-yes.js';
import { LATE, within } from '../options/within.js';
import { isTruthOrNumber, typeOf } from '../store/column-types.js';
import { TokenTable } from '../store/session-table.js';

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
    private readonly table: TokenTable,
  ) {
    this.isDefault = options.isUserActive === isActiveByDefault;
  }

  /** @throws AuthentifyConfigurationError at boot where the default cannot judge: it would let everybody in (R73). */
  check(): void {
    if (!this.isDefault) return;
    const user = this.table.userMetadata;
    const children = user.childEntityMetadatas.filter((child) => child.tablePath === user.tablePath);
    for (const metadata of [user, ...children]) {
      const obstacle = obstacleIn(metadata);
      if (obstacle === undefined) continue;
      throw new AuthentifyConfigurationError(
        'isUserActive',
        `is needed: isActive of ${metadata.name} ${obstacle}, by which the default cannot tell who is active. ` +
          'Say it yourself, such as isUserActive: (user) => user.lockedAt === null',
      );
    }
    this.deciding = new Set([user, ...children].filter(decides).map(({ target }) => target));
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

/** Why nothing can be told by `isActive` of this entity; `undefined` where something can, or it has none. */
function obstacleIn(metadata: EntityMetadata): string | undefined {
  const isIt = ({ propertyPath }: { propertyPath: string }): boolean => propertyPath === 'isActive';
  if (metadata.relations.some(isIt)) return 'is a relation';
  if (metadata.allEmbeddeds.some(isIt)) return 'is embedded';
  const column = metadata.columns.find(isIt);
  if (!column) return typeof sampleOf(metadata).isActive === 'function' ? 'is a method' : undefined;
  if (column.isVirtualProperty) return 'is a virtual column';
  if (!column.isSelect) return 'is not selected (select: false)';
  if (column.isArray) return 'is an array';
  // What a transformer makes of the column is judged as it comes.
  if (column.transformer || isTruthOrNumber(typeOf(column))) return undefined;
  return `is a column of the type ${typeOf(column)}`;
}

function decides(metadata: EntityMetadata): boolean {
  return metadata.columns.some(({ propertyPath }) => propertyPath === 'isActive') || isAccessor(metadata.target);
}

/** Not so a property without a column, which an app may fill in or leave out. */
function isAccessor(target: EntityMetadata['target']): boolean {
  return typeof target === 'function' && 'isActive' in (target.prototype as object);
}

function sampleOf(metadata: EntityMetadata): { isActive?: unknown } {
  try {
    const { isActive } = metadata.create() as { isActive?: unknown };
    return { isActive };
  } catch {
    // Its constructor or its getter needs more than an empty user.
    return {};
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
