import { copyOfRow, type Row } from '../statements/row.js';

/** How many look-ups may be under way at a time; the rest of the connection pool is the app's. */
const LANES = 2;
/** How many digests one look-up asks for at most. */
const BATCH = 64;

/** A look-up that was not sent yet; whoever asks for the same digests shares it. */
interface Waiting {
  digests: readonly string[];
  askers: { resolve: (row: Row | undefined) => void; reject: (error: unknown) => void }[];
}

/**
 * Look-ups by digest, each sent at once while there is a free lane. Those that come while all lanes are taken wait for
 * the next one together and become one statement. What was sent is never joined, so nobody is served a state older
 * than his own arrival (R48), and no digest is looked up twice at a time. Nothing is kept.
 */
export class LookupQueue {
  // Private to the language too, because the keys are digests (R63).
  readonly #waiting = new Map<string, Waiting>();
  readonly #sent = new Set<string>();
  #lanes = 0;

  /** @param send asks the database for all these digests at once; the rows come by digest. */
  constructor(private readonly send: (digests: readonly string[]) => Promise<ReadonlyMap<string, Row>>) {}

  /** The row that the database has under one of these digests, which are those of one token, one per key. */
  find(digests: readonly string[]): Promise<Row | undefined> {
    const key = digests[0] ?? '';
    // Nobody can share it, so none of the bookkeeping: all there is to do on a quiet server.
    if (this.#lanes < LANES && this.#waiting.size === 0 && !this.#sent.has(key)) return this.#findAlone(key, digests);
    const waiting = this.#waiting.get(key) ?? { digests, askers: [] };
    this.#waiting.set(key, waiting);
    return new Promise((resolve, reject) => {
      waiting.askers.push({ resolve, reject });
      this.#sendNext();
    });
  }

  async #findAlone(key: string, digests: readonly string[]): Promise<Row | undefined> {
    this.#lanes += 1;
    this.#sent.add(key);
    try {
      return rowUnder(digests, await this.send(digests));
    } finally {
      this.#sent.delete(key);
      this.#lanes -= 1;
      this.#sendNext();
    }
  }

  #sendNext(): void {
    if (this.#lanes === LANES || this.#waiting.size === 0) return;
    const batch = this.#takeBatch();
    if (batch.length === 0) return;
    this.#lanes += 1;
    void this.#lookUp(batch);
  }

  /** Leaves out what is under way already: its answer may be older than those who wait. */
  #takeBatch(): [key: string, waiting: Waiting][] {
    const batch: [string, Waiting][] = [];
    for (const entry of this.#waiting) {
      if (batch.length === BATCH) break;
      if (!this.#sent.has(entry[0])) batch.push(entry);
    }
    for (const [key] of batch) {
      this.#waiting.delete(key);
      this.#sent.add(key);
    }
    return batch;
  }

  async #lookUp(batch: [key: string, waiting: Waiting][]): Promise<void> {
    try {
      const rows = await this.send(batch.flatMap(([, { digests }]) => digests));
      for (const [, { digests, askers }] of batch) {
        const row = rowUnder(digests, rows);
        for (const [index, { resolve }] of askers.entries()) resolve(index === 0 ? row : row && copyOfRow(row));
      }
    } catch (error) {
      for (const [, { askers }] of batch) for (const { reject } of askers) reject(error);
    } finally {
      for (const [key] of batch) this.#sent.delete(key);
      this.#lanes -= 1;
      this.#sendNext();
    }
  }
}

/** The row that was found under one of these digests. */
export function rowUnder(digests: readonly string[], rows: ReadonlyMap<string, Row>): Row | undefined {
  return rows.get(digests.find((digest) => rows.has(digest)) ?? '');
}
