import { clearLine, cursorTo } from 'node:readline';

/** Prints the result of a command: JSON with `--json`, else text. */
export function print(result: { json: unknown; text: string }, { json }: { json?: boolean }): void {
  process.stdout.write(`${json ? JSON.stringify(result.json) : result.text}\n`);
}

/** Aligns rows in columns; control characters, which would steer a terminal, are replaced. */
export function columns(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}/gu, '\u{FFFD}')));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A number and its noun: `1 session`, `2,000 sessions`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

const BAR_WIDTH = 30;
/** The time between two looks at the rest: lines fill a log, so there are fewer of them. */
const EVERY_MS = { bar: 1_000, line: 10_000 };

/** A piece of work and the number of its parts. */
export interface Work {
  total: number;
  readonly left: () => Promise<number>;
}

/**
 * Shows progress on stderr: a bar on a terminal, else a line from time to time. It counts in the database, so it includes
 * the work of other processes. A count that fails is ignored: the work itself reports the error.
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
  const filled = Math.round((BAR_WIDTH * part) / total);
  clear();
  process.stderr.write(`${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${describe(part, total)}`);
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
