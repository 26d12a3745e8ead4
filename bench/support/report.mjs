import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';

const at = (name) => new URL(`../${name}`, import.meta.url);

/** Above this the control says that the machine was not quiet enough to judge anything. */
export const MOST_SPREAD = 0.15;

/** What each figure must come to, and what would be better still. */
const BARS = {
  'verify.postgres': { atMost: 1.1, stretch: 1.05 },
  'verify.sqlite': { atMost: 1.7, stretch: 1.5 },
  'verify.mariadb': { atMost: 1.5, stretch: 1.3 },
  'verify.typeorm03': { atMost: 1.2, stretch: 1.05 },
  'fastify50.cpu': { atMost: 0.8, stretch: 0.65 },
  'express50.cpu': { atMost: 0.9, stretch: 0.75 },
  'fastify200.cpu': { atMost: 0.65 },
  'express200.cpu': { atMost: 0.85 },
  'c1.cpu': { atMost: 1.2 },
  'c1.rps': { atLeast: 0.8 },
  'fastify.vsFindOne.rps': { atLeast: 5 },
  'express.vsFindOne.rps': { atLeast: 3.5 },
  'express.vsJwtKeyObject.rps': { atLeast: 1 },
  'express.vsBetterAuth.rps': { atLeast: 3.5 },
  'refresh.vsRaw.rps': { atLeast: 0.7, stretch: 0.85 },
  'login.vsRaw.rps': { atLeast: 0.85, stretch: 0.95 },
  'growth.p50': { atMost: 2 },
  'prune.rowsPerSecond': { atLeast: 30_000 },
  'prune.maxStallMs': { atMost: 25 },
  'prune.idleMs': { atMost: 20, stretch: 5 },
  'slide.walBytes': { atMost: 350, stretch: 270 },
  'slide.hot': { atLeast: 0.85, stretch: 0.92 },
  'row.bytes': { atMost: 750, stretch: 600 },
};

export function table(head, rows, align = '--:') {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : align))), ...rows.map(line)].join('\n');
}

/** The figures beside their bars. */
export function verdicts(rows) {
  const cells = Object.entries(rows).map(([key, value]) => {
    const { atMost, atLeast, stretch } = BARS[key];
    const isMet = atMost === undefined ? value >= atLeast : value <= atMost;
    const bar = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
    return [
      `\`${key}\``,
      shown(value),
      stretch === undefined ? bar : `${bar} (${stretch})`,
      isMet ? 'met' : '**missed**',
    ];
  });
  return table(['figure', 'measured', 'bar (stretch)', ''], cells);
}

const shown = (value) => (value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toFixed(2));
const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Where a figure came from. */
export function machine(databases, packages) {
  const versions = packages.map((name) => `${name} ${versionOf(name)}`);
  const [cpu] = cpus();
  return [
    `${new Date().toISOString().slice(0, 10)}, Node.js ${process.versions.node}, ${databases.join(', ')}, ` +
      `${cpus().length} × ${cpu?.model.trim()}. Client, server and database share them.`,
    `${versions.join(', ')}.`,
  ].join('\n\n');
}

function versionOf(name) {
  const file = [`node_modules/${name}/package.json`, `../node_modules/${name}/package.json`].find((path) =>
    existsSync(at(path)),
  );
  return JSON.parse(readFileSync(at(file), 'utf8')).version;
}

/** Whether the control of something was quiet enough; says so where it was not. */
export function mayJudge(aaSpread, title) {
  console.log(`\n${title}: one and the same thing under two names differs by ${percent(aaSpread)}`);
  if (aaSpread <= MOST_SPREAD) return true;
  console.error(
    `Refuses to judge: that is more than ${percent(MOST_SPREAD)}. Nothing is written; try a quieter machine.`,
  );
  process.exitCode = 2;
  return false;
}

/** Keeps these figures in results.json beside those of the other command. */
export function writeResults(rows, aaSpread) {
  const known = existsSync(at('results.json')) ? JSON.parse(readFileSync(at('results.json'), 'utf8')) : {};
  const merged = {
    ...known.rows,
    ...Object.fromEntries(Object.entries(rows).map(([key, value]) => [key, rounded(value)])),
  };
  const ordered = Object.fromEntries(Object.keys(BARS).flatMap((key) => (key in merged ? [[key, merged[key]]] : [])));
  const results = { aaSpread: aaSpread === undefined ? known.aaSpread : rounded(aaSpread), rows: ordered };
  writeFileSync(at('results.json'), `${JSON.stringify(results, null, 2)}\n`);
}

const rounded = (value) => Number(value.toPrecision(4));

/** Replaces one section of RESULTS.md. */
export function writeSection(name, markdown) {
  const file = at('RESULTS.md');
  const text = readFileSync(file, 'utf8');
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const section = `${start}\n\n${markdown.trim()}\n\n${end}`;
  // A function, because `$` in the text would mean something.
  writeFileSync(
    file,
    text.replace(new RegExp(`${start}[^]*${end}`), () => section),
  );
}

export function writeChart(svg) {
  writeFileSync(at('chart.svg'), svg);
}
