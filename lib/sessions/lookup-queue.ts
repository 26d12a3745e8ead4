import type { Milliseconds } from '../options/duration.js';

/** The manner of asking, which each queue chooses. */
export interface QueueOptions<TAnswer> {
  /** How many look-ups may be under way at a time. */
  lanes: number;
  /** How many sessions one look-up asks for at most; any number where left out. */
  batch?: number;
  /**
   * How long a look-up keeps its lane and its keys to itself: a connection gone silent holds up nobody else (R72). Left out
   * where look-ups themselves are bounded in time.
   */
  patience?: Milliseconds;
  /** `true`: all who ask in one turn of the event loop share a look-up, even when a lane is free. */
  gathers?: boolean;
  /** Copies an answer for the second and every further asker; left out, they share one. */
  copy?: (answer: TAnswer) => TAnswer;
}

/** A look-up under way. */
interface Lane {
  keys: readonly string[];
  sentAt: number;
}

/** A question that was not sent yet; whoever asks for the same session shares it. */
interface Question<TAnswer> {
  keys: readonly string[];
  askers: { resolve: (answer: TAnswer | undefined) => void; reject: (error: unknown) => void }[];
}

/**
 * Look-ups of sessions by key, each sent at once while there is a free lane. Those that come while all lanes are taken
 * wait for the next one together and become one. What was sent is never joined, so nobody is served a state older than
 * his own arrival (R48), and no session is looked up twice at a time, but where the first look-up hangs (R72).
 * Nothing is kept.
 */
export class LookupQueue<TAnswer> {
  // Private to the language too, because keys may be digests (R63).
  readonly #questions = new Map<string, Question<TAnswer>>();
  readonly #sent = new Set<string>();
  readonly #lanes = new Set<Lane>();
  readonly #lookUp: (keys: readonly string[]) => Promise<ReadonlyMap<string, TAnswer>>;
  readonly #options: QueueOptions<TAnswer>;
  #timer?: NodeJS.Timeout;

  /** @param lookUp asks for all these keys at once; gives the answers by key. */
  constructor(
    lookUp: (keys: readonly string[]) => Promise<ReadonlyMap<string, TAnswer>>,
    options: QueueOptions<TAnswer>,
  ) {
    this.#lookUp = lookUp;
    this.#options = options;
  }

  /** The answer under one of these keys, all of them of one session; the first stands for it. */
  find(keys: readonly string[]): Promise<TAnswer | undefined> {
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

  async #findAlone(key: string, keys: readonly string[]): Promise<TAnswer | undefined> {
    const lane = this.#enter([key]);
    try {
      return answerUnder(keys, await this.#lookUp(keys));
    } finally {
      this.#leave(lane);
    }
  }

  async #findTogether(batch: readonly [key: string, question: Question<TAnswer>][]): Promise<void> {
    const lane = this.#enter(batch.map(([key]) => key));
    const { copy = (answer: TAnswer) => answer } = this.#options;
    try {
      const answers = await this.#lookUp(batch.flatMap(([, { keys }]) => keys));
      for (const [, { keys, askers }] of batch) {
        const answer = answerUnder(keys, answers);
        for (const [index, { resolve }] of askers.entries())
          resolve(index === 0 || answer === undefined ? answer : copy(answer));
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
    const { patience } = this.#options;
    if (patience !== undefined && this.#questions.size > 0 && this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#passBy(patience), patience).unref();
    }
  }

  /** Leaves out what is under way already: its answer may be older than those who wait. */
  #takeBatch(): [key: string, question: Question<TAnswer>][] {
    const { batch: most = Infinity } = this.#options;
    const batch: [string, Question<TAnswer>][] = [];
    for (const entry of this.#questions) {
      if (batch.length === most) break;
      if (!this.#sent.has(entry[0])) batch.push(entry);
    }
    for (const [key] of batch) this.#questions.delete(key);
    return batch;
  }

  /** Lets those who wait go on without the look-ups that hang. */
  #passBy(patience: Milliseconds): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const lane of this.#lanes) if (now - lane.sentAt >= patience) this.#leave(lane);
    this.#sendNext();
  }
}

/** The answer that was found under one of these keys. */
export function answerUnder<TAnswer>(
  keys: readonly string[],
  answers: ReadonlyMap<string, TAnswer>,
): TAnswer | undefined {
  return answers.get(keys.find((key) => answers.has(key)) ?? '');
}
