import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../authentify.constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AbstractAuthToken, AnyAuthToken, UserId } from './entities/abstract-auth-token.js';
import type { Place } from './place.js';
import { TokenRepository } from './token.repository.js';

/** So few that logins do not wait behind them: 1,000 are pruned faster, but the slowest logins take four times as long. */
const BATCH = 250;
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
      () => this.tokens.prunableIds(now, BATCH, userId),
      async (ids) => {
        count += await this.tokens.prune(ids, now);
      },
    );
    if (userId === undefined) await this.wipeSalts(now);
    if (count > 0) this.events.emit({ type: 'pruned', count });
    return count;
  }

  private async wipeSalts(now: number): Promise<void> {
    const rotatedUntil = new Date(now - this.options.refreshGracePeriod - SALT_MARGIN);
    let last = '';
    await inBatches(
      () => this.tokens.saltedIds(rotatedUntil, last, BATCH),
      async (ids) => {
        last = ids.at(-1) ?? last;
        await this.tokens.wipeSalts(ids, rotatedUntil);
      },
    );
  }
}

/** Reads and works off batch after batch; a batch that is not full is the last one. */
async function inBatches(read: () => Promise<string[]>, work: (ids: string[]) => Promise<void>): Promise<void> {
  let ids: string[];
  do {
    ids = await read();
    if (ids.length === 0) return;
    await work(ids);
    // SQLite works on this thread: let requests in between.
    await yieldToEventLoop();
  } while (ids.length === BATCH);
}
