/** What a command prints: JSON with `--json`, else text. */
export function print(result: { json: unknown; text: string }, { json }: { json?: boolean }): void {
  process.stdout.write(`${json ? JSON.stringify(result.json) : result.text}\n`);
}

/** Rows in columns as wide as their widest cell; what would steer a terminal is replaced. */
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

export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
