import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from './entities/abstract-auth-token.js';
import type { Place } from './place.js';
import { TokenRepository } from '../store/token.repository.js';

/** So few at once that logins do not wait behind them: with 1,000 the slowest logins take four times as long. */
const BATCH = 250;
/** How many ids one look-up brings: what becomes due within the hour is read in vain each time, so not too often. */
const LOOK_UP = 10 * BATCH;
/** How long after its grace period a rotation's salt may stay, for nodes whose clocks run late. */
const SALT_MARGIN: Milliseconds = 60_000;

/** Clears away what can never be used again, in batches; safe on many instances at once (R52). */
@Injectable()
export class TokenPruner<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly tokens: TokenRepository<TToken>,
    private readonly events: AuthentifyEvents,
  ) {}

  /** The same in an app's transaction. */
  within({ tokens, events }: Place<TToken>): TokenPruner<TToken> {
    return new TokenPruner(this.options, tokens, events);
  }

  /** Prunes everybody's sessions, or one user's; returns how many rows were ended or deleted. */
  async prune(userId?: UserId): Promise<number> {
    const now = Date.now();
    let count = 0;
    await inBatches(
      () => this.tokens.prunableIds(now, LOOK_UP, userId),
      async (ids) => {
        const pruned = await this.tokens.prune(ids, now);
        count += pruned;
        return pruned;
      },
    );
    if (userId === undefined) await this.wipeSalts(now);
    if (count > 0) this.events.emit({ type: 'pruned', count });
    return count;
  }

  private async wipeSalts(now: number): Promise<void> {
    const rotatedUntil = new Date(now - this.options.refreshGracePeriod - SALT_MARGIN);
    await inBatches(
      () => this.tokens.saltedIds(rotatedUntil, LOOK_UP),
      (ids) => this.tokens.wipeSalts(ids, rotatedUntil),
    );
  }
}

/**
 * Looks up and works off batch after batch; `work` tells how many rows it changed. Done where a look-up brings the last
 * of them, and where not one it brought could be changed: another instance is at them, or a transaction sees rows that
 * have long changed.
 */
async function inBatches(lookUp: () => Promise<string[]>, work: (ids: string[]) => Promise<number>): Promise<void> {
  let ids: string[];
  let changed: number;
  do {
    ids = await lookUp();
    changed = 0;
    for (let start = 0; start < ids.length; start += BATCH) {
      changed += await work(ids.slice(start, start + BATCH));
      // SQLite works on this thread: let requests in between.
      await yieldToEventLoop();
    }
  } while (ids.length === LOOK_UP && changed > 0);
}
