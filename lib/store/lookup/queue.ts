import type { Milliseconds } from '../../options/duration.js';

/** How a queue asks. */
export interface QueueOptions<TRow> {
  /** How many look-ups may be under way at a time. */
  lanes: number;
  /** How many sessions one look-up asks for at most. */
  batch: number;
  /** How long a look-up keeps its lane and its keys to itself: a connection gone silent holds up nobody else (R72). */
  patience: Milliseconds;
  /** `true`: waits a microtask, so that all who ask in one turn share a look-up even when a lane is free. */
  gathers?: boolean;
  /** Makes the row of the second and every further asker of a look-up; left out, they share one. */
  copy?: (row: TRow) => TRow;
}

/** A look-up under way. */
interface Lane {
  keys: readonly string[];
  sentAt: number;
}

/** A question that was not sent yet; whoever asks for the same session shares it. */
interface Question<TRow> {
  keys: readonly string[];
  askers: { resolve: (row: TRow | undefined) => void; reject: (error: unknown) => void }[];
}

/**
 * Look-ups of sessions by key, each sent at once while there is a free lane. Those that come while all lanes are taken
 * wait for the next one together and become one. What was sent is never joined, so nobody is served a state older than
 * his own arrival (R48), and no session is looked up twice at a time, but where the first look-up hangs (R72).
 * Nothing is kept.
 */
export class LookupQueue<TRow> {
  // Private to the language too, because keys may be digests (R63).
  readonly #questions = new Map<string, Question<TRow>>();
  readonly #sent = new Set<string>();
  readonly #lanes = new Set<Lane>();
  readonly #lookUp: (keys: readonly string[]) => Promise<ReadonlyMap<string, TRow>>;
  readonly #options: QueueOptions<TRow>;
  #timer?: NodeJS.Timeout;

  /** @param lookUp asks for all these keys at once; gives the rows by key. */
  constructor(lookUp: (keys: readonly string[]) => Promise<ReadonlyMap<string, TRow>>, options: QueueOptions<TRow>) {
    this.#lookUp = lookUp;
    this.#options = options;
  }

  /** The row under one of these keys, all of them of one session; the first stands for it. */
  find(keys: readonly string[]): Promise<TRow | undefined> {
    const [key = ''] = keys;
    const { lanes, gathers } = this.#options;
    // Nobody can share it, so none of the bookkeeping: all there is to do on a quiet server.
    if (!gathers && this.#lanes.size < lanes && this.#questions.size === 0 && !this.#sent.has(key))
      return this.#findAlone(key, keys);
    const question = this.#questions.get(key) ?? { keys, askers: [] };
    this.#questions.set(key, question);
    return new Promise((resolve, reject) => {
      question.askers.push({ resolve, reject });
      if (gathers) queueMicrotask(() => this.#sendNext());
      else this.#sendNext();
    });
  }

  async #findAlone(key: string, keys: readonly string[]): Promise<TRow | undefined> {
    const lane = this.#enter([key]);
    try {
      return rowUnder(keys, await this.#lookUp(keys));
    } finally {
      this.#leave(lane);
    }
  }

  async #findTogether(batch: readonly [key: string, question: Question<TRow>][]): Promise<void> {
    const lane = this.#enter(batch.map(([key]) => key));
    const { copy = (row: TRow) => row } = this.#options;
    try {
      const rows = await this.#lookUp(batch.flatMap(([, { keys }]) => keys));
      for (const [, { keys, askers }] of batch) {
        const row = rowUnder(keys, rows);
        for (const [index, { resolve }] of askers.entries())
          resolve(index === 0 || row === undefined ? row : copy(row));
      }
    } catch (error) {
      for (const [, { askers }] of batch) for (const { reject } of askers) reject(error);
    } finally {
      this.#leave(lane);
    }
  }

  #enter(keys: readonly string[]): Lane {
    const lane = { keys, sentAt: performance.now() };
    this.#lanes.add(lane);
    for (const key of keys) this.#sent.add(key);
    return lane;
  }

  #leave(lane: Lane): void {
    // Its keys may be another's by now, if it took too long.
    if (this.#lanes.delete(lane)) for (const key of lane.keys) this.#sent.delete(key);
    this.#sendNext();
  }

  #sendNext(): void {
    if (this.#questions.size === 0) return;
    if (this.#lanes.size < this.#options.lanes) {
      const batch = this.#takeBatch();
      if (batch.length > 0) void this.#findTogether(batch);
    }
    if (this.#questions.size > 0 && this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#passBy(), this.#options.patience).unref();
    }
  }

  /** Leaves out what is under way already: its answer may be older than those who wait. */
  #takeBatch(): [key: string, question: Question<TRow>][] {
    const batch: [string, Question<TRow>][] = [];
    for (const entry of this.#questions) {
      if (batch.length === this.#options.batch) break;
      if (!this.#sent.has(entry[0])) batch.push(entry);
    }
    for (const [key] of batch) this.#questions.delete(key);
    return batch;
  }

  /** Lets those who wait go on without the look-ups that hang. */
  #passBy(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const lane of this.#lanes) if (now - lane.sentAt >= this.#options.patience) this.#leave(lane);
    this.#sendNext();
  }
}

/** The row that was found under one of these keys. */
export function rowUnder<TRow>(keys: readonly string[], rows: ReadonlyMap<string, TRow>): TRow | undefined {
  return rows.get(keys.find((key) => rows.has(key)) ?? '');
}
