import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withProgress } from '../../lib/cli/output.js';

let written: string[];
let finish: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  written = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean(written.push(String(text))));
});
afterEach(() => {
  vi.restoreAllMocks();
  Reflect.deleteProperty(process.stderr, 'isTTY');
});

/** A piece of work that lasts until it is told to finish, and of which this much is left at each look. */
function start(isTTY: boolean, ...left: (number | Error)[]): Promise<string> {
  Object.defineProperty(process.stderr, 'isTTY', { value: isTTY, configurable: true });
  const next = () => {
    const answer = left.shift() ?? 0;
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const work = new Promise<string>((resolve) => (finish = () => resolve('done')));
  return withProgress({ total: 1_000_000, left: next }, () => work);
}

describe('the progress of a long command', () => {
  it('is a bar on a terminal, drawn over itself each second and wiped in the end', async () => {
    const work = start(true, 750_000, 250_000);
    await vi.advanceTimersByTimeAsync(2_000);
    finish();
    expect(await work).toBe('done');
    expect(written.filter((text) => text.includes('%'))).toEqual([
      `${'█'.repeat(8)}${'░'.repeat(22)} 25 %, 250,000 of 1,000,000`,
      `${'█'.repeat(23)}${'░'.repeat(7)} 75 %, 750,000 of 1,000,000`,
    ]);
    expect(written.at(-1)).not.toContain('%');
  });

  it('is a line now and then elsewhere', async () => {
    const work = start(false, 999_999, 0);
    await vi.advanceTimersByTimeAsync(20_000);
    finish();
    await work;
    expect(written).toEqual(['0 %, 1 of 1,000,000\n', '100 %, 1,000,000 of 1,000,000\n']);
  });

  it('is passed over where it cannot be asked for, and where more came to it than there was', async () => {
    const work = start(false, new Error('gone'), 1_000_500);
    await vi.advanceTimersByTimeAsync(20_000);
    finish();
    await work;
    expect(written).toEqual(['0 %, 0 of 1,000,000\n']);
  });

  it('does not outlive work that fails', async () => {
    Object.defineProperty(process.stderr, 'isTTY', { value: false, configurable: true });
    const failing = withProgress({ total: 1, left: () => Promise.resolve(1) }, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(written).toEqual([]);
  });
});
