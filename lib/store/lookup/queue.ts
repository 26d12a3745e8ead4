import type { Milliseconds } from '../../options/duration.js';
import type { Row } from '../drivers/driver.js';

/** How many look-ups may be under way at a time; the rest of the connection pool is the app's. */
const LANES = 2;
/** How many digests one look-up asks for at most. */
const BATCH = 64;
/** How long a look-up keeps its lane and its digests to itself: a connection gone silent holds up nobody else. */
const PATIENCE: Milliseconds = 500;

/** A look-up under way. */
interface Lane {
  keys: readonly string[];
  sentAt: number;
}

/** A look-up that was not sent yet; whoever asks for the same digests shares it. */
interface Waiting {
  digests: readonly string[];
  askers: { resolve: (row: Row | undefined) => void; reject: (error: unknown) => void }[];
}

/**
 * Look-ups by digest, each sent at once while there is a free lane. Those that come while all lanes are taken wait for
 * the next one together and become one statement. What was sent is never joined, so nobody is served a state older
 * than his own arrival (R48), and no digest is looked up twice at a time, but where the first look-up hangs (R72).
 * Nothing is kept.
 */
export class LookupQueue {
  // Private to the language too, because the keys are digests (R63).
  readonly #waiting = new Map<string, Waiting>();
  readonly #sent = new Set<string>();
  readonly #lanes = new Set<Lane>();
  #timer?: NodeJS.Timeout;

  /** @param send asks the database for all these digests at once; the rows come by digest. */
  constructor(private readonly send: (digests: readonly string[]) => Promise<ReadonlyMap<string, Row>>) {}

  /** The row that the database has under one of these digests, which are those of one token, one per key. */
  find(digests: readonly string[]): Promise<Row | undefined> {
    const key = digests[0] ?? '';
    // Nobody can share it, so none of the bookkeeping: all there is to do on a quiet server.
    if (this.#lanes.size < LANES && this.#waiting.size === 0 && !this.#sent.has(key))
      return this.#findAlone(key, digests);
    const waiting = this.#waiting.get(key) ?? { digests, askers: [] };
    this.#waiting.set(key, waiting);
    return new Promise((resolve, reject) => {
      waiting.askers.push({ resolve, reject });
      this.#sendNext();
    });
  }

  async #findAlone(key: string, digests: readonly string[]): Promise<Row | undefined> {
    const lane = this.#enter([key]);
    try {
      return rowUnder(digests, await this.send(digests));
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
    if (this.#waiting.size === 0) return;
    if (this.#lanes.size < LANES) {
      const batch = this.#takeBatch();
      if (batch.length > 0) void this.#lookUp(batch);
    }
    if (this.#waiting.size > 0 && this.#timer === undefined) {
      this.#timer = setTimeout(() => this.#passBy(), PATIENCE).unref();
    }
  }

  /** Lets those who wait go on without the look-ups that hang. */
  #passBy(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const lane of this.#lanes) if (now - lane.sentAt >= PATIENCE) this.#leave(lane);
    this.#sendNext();
  }

  /** Leaves out what is under way already: its answer may be older than those who wait. */
  #takeBatch(): [key: string, waiting: Waiting][] {
    const batch: [string, Waiting][] = [];
    for (const entry of this.#waiting) {
      if (batch.length === BATCH) break;
      if (!this.#sent.has(entry[0])) batch.push(entry);
    }
    for (const [key] of batch) this.#waiting.delete(key);
    return batch;
  }

  async #lookUp(batch: [key: string, waiting: Waiting][]): Promise<void> {
    const lane = this.#enter(batch.map(([key]) => key));
    try {
      const rows = await this.send(batch.flatMap(([, { digests }]) => digests));
      for (const [, { digests, askers }] of batch) {
        const row = rowUnder(digests, rows);
        for (const [index, { resolve }] of askers.entries()) resolve(index === 0 ? row : row && copyOfRow(row));
      }
    } catch (error) {
      for (const [, { askers }] of batch) for (const { reject } of askers) reject(error);
    } finally {
      this.#leave(lane);
    }
  }
}

/** The row that was found under one of these digests. */
export function rowUnder(digests: readonly string[], rows: ReadonlyMap<string, Row>): Row | undefined {
  return rows.get(digests.find((digest) => rows.has(digest)) ?? '');
}

/** A row of one's own, for the second and every further request that a look-up answers. */
export function copyOfRow(row: Row): Row {
  return row.map(copyOf);
}

/** What drivers parse, such as JSON and dates, could be changed by a request; values of other classes are shared. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  return Array.isArray(value) || value instanceof Date || isPlain(value) ? structuredClone(value) : value;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
