import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { UserId } from './entities/abstract-auth-token.js';
import { SessionStore } from './session-store.js';

/** So few at once that logins do not wait behind them: with 1,000 the slowest logins take four times as long. */
const BATCH = 250;
/** How many ids one look-up brings: sessions that become due within the hour are read in vain, so not too often. */
const LOOK_UP = 10 * BATCH;
/** How long after its grace period a rotation's salt may stay, for nodes whose clocks run late. */
const SALT_MARGIN: Milliseconds = 60_000;

/** Clears away sessions that can never be used again, in batches; safe on many instances at once (R52). */
@Injectable()
export class Pruning {
  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: SessionStore,
  ) {}

  /** Prunes everybody's sessions, or one user's; returns how many rows were ended or deleted. */
  async prune(userId?: UserId, store: Store = this.store): Promise<number> {
    const now = Date.now();
    let count = 0;
    await inBatches(
      () => store.prunableIds(now, LOOK_UP, userId),
      async (ids) => {
        const pruned = await store.prune(ids, now);
        count += pruned;
        return pruned;
      },
    );
    if (userId === undefined) await this.wipeSalts(now, store);
    if (count > 0) store.events.emit({ type: 'pruned', count });
    return count;
  }

  private async wipeSalts(now: number, store: Store): Promise<void> {
    const rotatedUntil = new Date(now - this.options.refreshGracePeriod - SALT_MARGIN);
    await inBatches(
      () => store.saltedIds(rotatedUntil, LOOK_UP),
      (ids) => store.wipeSalts(ids, rotatedUntil),
    );
  }
}

type Store = Pick<SessionStore, 'events' | 'prunableIds' | 'prune' | 'saltedIds' | 'wipeSalts'>;

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
