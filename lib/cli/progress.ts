import { clearLine, cursorTo } from 'node:readline';

const WIDTH = 30;
/** How often it is asked how much is left; a line of a log less often than a bar. */
const EVERY_MS = { bar: 1_000, line: 10_000 };

/** Something of which a part is left. */
export interface Work {
  total: number;
  readonly left: () => Promise<number>;
}

/**
 * Shows on stderr how far a piece of work is: a bar on a terminal, else a line now and then. It asks the database, so
 * it also counts what others do at the same time. A question that fails is passed over: the work itself will tell.
 */
export async function withProgress<T>({ total, left }: Work, work: () => Promise<T>): Promise<T> {
  const { isTTY } = process.stderr;
  const show = isTTY ? showBar : showLine;
  let asking = false;
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    const rest = await left().catch(() => null);
    asking = false;
    if (rest !== null && !done) show(Math.max(total - rest, 0), total);
  };
  let done = false;
  const timer = setInterval(() => void ask(), isTTY ? EVERY_MS.bar : EVERY_MS.line);
  try {
    return await work();
  } finally {
    done = true;
    clearInterval(timer);
    if (isTTY) clear();
  }
}

function showBar(part: number, total: number): void {
  const filled = Math.round((WIDTH * part) / total);
  clear();
  process.stderr.write(`${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${describe(part, total)}`);
}

function showLine(part: number, total: number): void {
  process.stderr.write(`${describe(part, total)}\n`);
}

function clear(): void {
  clearLine(process.stderr, 0);
  cursorTo(process.stderr, 0);
}

function describe(part: number, total: number): string {
  const share = Math.floor((100 * part) / total);
  return `${share} %, ${part.toLocaleString('en')} of ${total.toLocaleString('en')}`;
}
