import { afterEach, describe, expect, it, vi } from 'vitest';
import { LookupQueue } from '../../lib/sessions/lookup-queue.js';
import { copyOfRow } from '../../lib/store/lookup/compiled-lookup.js';
import type { Row } from '../../lib/store/drivers/driver.js';

/** A database whose answers are held back until they are let go, one look-up at a time. */
class HeldDatabase {
  readonly rows = new Map<string, Row>();
  readonly sent: { digests: readonly string[]; answer: () => void; fail: (error: Error) => void }[] = [];

  /** Reads at once, as a snapshot does; answers later. */
  send = (digests: readonly string[]): Promise<ReadonlyMap<string, Row>> => {
    const read = new Map([...this.rows].filter(([digest]) => digests.includes(digest)));
    return new Promise((resolve, reject) => {
      this.sent.push({ digests, answer: () => resolve(read), fail: reject });
    });
  };

  /** What was asked, look-up by look-up. */
  get asked(): (readonly string[])[] {
    return this.sent.map(({ digests }) => digests);
  }
}

/** The tempting shape: whoever asks for a digest that is under way joins it. */
class JoiningLookup {
  private readonly underWay = new Map<string, Promise<ReadonlyMap<string, Row>>>();

  constructor(private readonly send: (digests: readonly string[]) => Promise<ReadonlyMap<string, Row>>) {}

  async find([digest = '']: readonly string[]): Promise<Row | undefined> {
    const lookup = this.underWay.get(digest) ?? this.send([digest]);
    this.underWay.set(digest, lookup);
    return (await lookup).get(digest);
  }
}

/** Lets everything run that can run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

function start() {
  const database = new HeldDatabase();
  return { database, queue: new LookupQueue(database.send, { lanes: 2, batch: 64, patience: 500, copy: copyOfRow }) };
}

describe('look-ups under way', () => {
  it('are sent at once while a lane is free, and together once none is', async () => {
    const { database, queue } = start();
    const all = ['a', 'b', 'c', 'd', 'e'].map((digest) => {
      database.rows.set(digest, [digest]);
      return queue.find([digest]);
    });
    expect(database.asked).toEqual([['a'], ['b']]);
    database.sent[0]?.answer();
    await settle();
    expect(database.asked.slice(2)).toEqual([['c', 'd', 'e']]);
    database.sent[1]?.answer();
    database.sent[2]?.answer();
    expect((await Promise.all(all)).map((row) => row?.[0])).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('of one session are one at a time, and 1,000 that wait for it become one', async () => {
    const { database, queue } = start();
    database.rows.set('a', ['a']);
    const first = queue.find(['a']);
    const others = Array.from({ length: 1_000 }, () => queue.find(['a']));
    await settle();
    expect(database.asked).toEqual([['a']]);
    database.sent[0]?.answer();
    await first;
    await settle();
    expect(database.asked).toEqual([['a'], ['a']]);
    database.sent[1]?.answer();
    expect(new Set(await Promise.all(others)).size).toBe(1_000);
  });

  it('ask for 64 sessions at most', async () => {
    const { database, queue } = start();
    const all = Array.from({ length: 102 }, (_, index) => queue.find([`${index}`]));
    for (let sent = 0; sent < 4; sent += 1) {
      database.sent[sent]?.answer();
      await settle();
    }
    expect(database.asked.map(({ length }) => length)).toEqual([1, 1, 64, 36]);
    await Promise.all(all);
  });

  it('find a session under any key, and nothing where there is nothing', async () => {
    const { database, queue } = start();
    database.rows.set('a under the old key', ['a']);
    const found = queue.find(['a under the new key', 'a under the old key']);
    const missing = queue.find(['b', 'b under the old key']);
    for (const { answer } of database.sent) answer();
    expect(await found).toEqual(['a']);
    expect(await missing).toBeUndefined();
  });

  it('fail together and hinder none that come later', async () => {
    const { database, queue } = start();
    const [a, b] = [queue.find(['a']), queue.find(['b'])];
    const waiting = [queue.find(['c']), queue.find(['c'])];
    database.sent[0]?.fail(new Error('gone'));
    await expect(a).rejects.toThrow('gone');
    await settle();
    database.sent[2]?.fail(new Error('gone again'));
    for (const asker of waiting) await expect(asker).rejects.toThrow('gone again');
    database.rows.set('c', ['c']);
    const later = queue.find(['c']);
    database.sent[3]?.answer();
    expect(await later).toEqual(['c']);
    database.sent[1]?.answer();
    expect(await b).toBeUndefined();
  });
});

describe('a queue that gathers', () => {
  it('asks once for all who ask in one turn, in one lane, and for all who come later together', async () => {
    const database = new HeldDatabase();
    const queue = new LookupQueue(database.send, { lanes: 1, gathers: true });
    for (const digest of ['a', 'b', 'c']) database.rows.set(digest, [digest]);
    const all = [queue.find(['a']), queue.find(['b'])];
    await settle();
    all.push(queue.find(['c']), queue.find(['a']));
    await settle();
    expect(database.asked).toEqual([['a', 'b']]);
    database.sent[0]?.answer();
    await settle();
    expect(database.asked).toEqual([
      ['a', 'b'],
      ['c', 'a'],
    ]);
    database.sent[1]?.answer();
    expect(await Promise.all(all)).toEqual([['a'], ['b'], ['c'], ['a']]);
  });
});

describe('R72: look-ups that hang on dead connections', () => {
  afterEach(() => {
    vi.useRealTimers();
  });
  const startTimed = () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const started = start();
    for (const digest of ['a', 'b', 'c', 'd']) started.database.rows.set(digest, [digest]);
    return started;
  };

  it('hold up those who wait for half a second, however many hang', async () => {
    const { database, queue } = startTimed();
    void queue.find(['a']);
    void queue.find(['b']);
    const waiting = queue.find(['c']);
    await vi.advanceTimersByTimeAsync(499);
    expect(database.asked).toEqual([['a'], ['b']]);
    await vi.advanceTimersByTimeAsync(1);
    expect(database.asked).toEqual([['a'], ['b'], ['c']]);
    database.sent[2]?.answer();
    expect(await waiting).toEqual(['c']);
  });

  it('hold up nobody who asks for the same session, and change nothing when they answer after all', async () => {
    const { database, queue } = startTimed();
    const first = queue.find(['a']);
    const second = queue.find(['a']);
    await vi.advanceTimersByTimeAsync(500);
    expect(database.asked).toEqual([['a'], ['a']]);
    database.sent[0]?.answer();
    expect(await first).toEqual(['a']);
    const third = queue.find(['a']);
    await settle();
    expect(database.asked, 'the second is still under way').toHaveLength(2);
    database.sent[1]?.answer();
    await settle();
    database.sent[2]?.answer();
    expect(await Promise.all([second, third])).toEqual([['a'], ['a']]);
  });

  it('leave their lanes to as many others, again and again', async () => {
    const { database, queue } = startTimed();
    for (const digest of ['a', 'b']) void queue.find([digest]);
    const [c, d] = [queue.find(['c']), queue.find(['d'])];
    await vi.advanceTimersByTimeAsync(500);
    const again = queue.find(['c']);
    await vi.advanceTimersByTimeAsync(500);
    expect(database.asked).toEqual([['a'], ['b'], ['c', 'd'], ['c']]);
    for (const { answer } of database.sent.slice(2)) answer();
    expect(await Promise.all([c, d, again])).toEqual([['c'], ['d'], ['c']]);
  });
});

describe('R48: a session revoked while its look-up is under way', () => {
  const outcomes = async (lookup: { find(digests: string[]): Promise<Row | undefined> }, database: HeldDatabase) => {
    database.rows.set('a', ['a']);
    const early = lookup.find(['a']);
    database.rows.delete('a');
    const late = lookup.find(['a']);
    database.sent[0]?.answer();
    await settle();
    database.sent[1]?.answer();
    return [await early, await late];
  };

  it('is gone for whoever arrives after the revocation', async () => {
    const { database, queue } = start();
    expect(await outcomes(queue, database)).toEqual([['a'], undefined]);
  });

  it('would still be found by a look-up that joins', async () => {
    const database = new HeldDatabase();
    expect(await outcomes(new JoiningLookup(database.send), database)).toEqual([['a'], ['a']]);
  });
});

describe('a row that answers several requests', () => {
  it('is each one’s own, down to what the driver parsed', async () => {
    const { database, queue } = start();
    class Money {}
    type Parsed = readonly [json: { roles: string[] }, at: Date, bytes: Buffer, price: Money, none: null];
    database.rows.set('a', [{ roles: ['a'] }, new Date(0), Buffer.from('abc'), new Money(), null]);
    const [first, second] = [queue.find(['b']), queue.find(['c'])];
    const [one, other] = [queue.find(['a']), queue.find(['a'])];
    database.sent[0]?.answer();
    await settle();
    database.sent[1]?.answer();
    database.sent[2]?.answer();
    await Promise.all([first, second]);
    const [mine, theirs] = (await Promise.all([one, other])) as [Parsed, Parsed];
    expect(theirs).toStrictEqual(mine);
    mine[0].roles.push('admin');
    mine[1].setTime(1);
    mine[2].write('xyz');
    expect(theirs.slice(0, 3)).toEqual([{ roles: ['a'] }, new Date(0), Buffer.from('abc')]);
    expect(theirs[3]).toBe(mine[3]);
  });
});
