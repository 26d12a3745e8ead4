// Tries the newest release of every peer, and of what the library meets in apps, in a copy of this repository:
//   npm run test:newest                              the newest releases, then each coming major by itself
//   npm run test:newest -- rxjs@8.0.0-alpha.14 …     these, beside the newest of the others
// A release of somebody else's fails nobody's change: this exits with 0 whatever types and tests say, and with 1 only
// where it did not get as far as asking them.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What could break first. */
const FEW_SUITES = ['test/unit/dependencies.spec.ts', 'test/unit/events.spec.ts', 'test/module', 'test/tokens/lookup'];
/** What other packages decide, without a server. */
const SUITES = [
  ...FEW_SUITES,
  'test/tokens/issue-and-verify.spec.ts',
  'test/tokens/transactions.spec.ts',
  'test/tokens/true-reads.spec.ts',
  'test/requests/guards.spec.ts',
  'test/requests/global-guards.spec.ts',
  'test/requests/hooks.spec.ts',
  'test/transports',
];

/** Beside the peers: what apps have the library meet. */
const MET =
  /^(?:@nestjs\/(?!cli$|schematics$)|(?:pg|mysql2|libsql|sql\.js|ws|mercurius|graphql-ws|@apollo\/server)$|@as-integrations\/)/;
/** No test of these suites needs them. */
const TOOLS =
  /^(?:@nestjs\/(?:cli|schematics)|playwright-core|axe-core|@arethetypeswrong\/.*|@microsoft\/.*|oxlint.*|publint|prettier)$/;

const SECONDS = { install: 150, types: 60, tests: 150, everything: 240 };
const deadline = performance.now() + SECONDS.everything * 1_000;

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const { peerDependencies, devDependencies } = manifest;
const asked = process.argv.slice(2);
const names = [
  ...new Set([...Object.keys(peerDependencies), ...Object.keys(devDependencies).filter((name) => MET.test(name))]),
].toSorted();

const work = mkdtempSync(join(tmpdir(), 'authentify-newest-'));
const LATE = 'late';
const outcomes = [];
try {
  const published = Object.fromEntries(await Promise.all(names.map(async (name) => [name, await releasesOf(name)])));
  const latest = Object.fromEntries(names.map((name) => [name, published[name].latest]));
  copyRepository(latest);
  outcomes.push(await tryOut(['the newest releases', ...asked].join(', '), asked, SUITES));
  printVersions(latest);
  if (asked.length === 0) {
    for (const one of comingMajors(published)) outcomes.push(await tryOut(one, [one], FEW_SUITES));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

console.log(table([['tried', 'types', 'tests'], ...outcomes.map(({ label, types, tests }) => [label, types, tests])]));
const bad = outcomes.filter(({ isGood }) => !isGood);
const summary =
  bad.length === 0
    ? `newest releases: all ${outcomes.length} good`
    : `newest releases: ${bad.length} of ${outcomes.length} need a look: ${bad.map(({ label }) => label).join('; ')}`;
console.log(summary);
// For the summary of `.ci/run`, whose own numbers this does not change.
if (process.env.WORK) writeFileSync(join(process.env.WORK, 'newest.txt'), `${summary}\n`);

/** The versions of a package that its tags name, and all there are. */
async function releasesOf(name) {
  const { stdout } = await promisify(execFile)('npm', ['view', name, 'dist-tags', 'versions', '--json'], {
    maxBuffer: 1 << 26,
  });
  const { 'dist-tags': tags, versions } = JSON.parse(stdout);
  return { latest: tags.latest, tags, versions: [versions].flat() };
}

/** Of the peers: what is tagged as next, and the newest prerelease of each major that is to come. */
function comingMajors(published) {
  const peers = Object.entries(published).filter(([name]) => name in peerDependencies);
  return peers.flatMap(([name, { latest, tags, versions }]) => {
    const tagged = [tags.next, tags.dev, tags.beta].filter((version) => version && compare(version, latest) > 0);
    const majors = new Map();
    for (const version of versions.filter((one) => major(one) > major(latest)).toSorted(compare))
      majors.set(major(version), version);
    return [...new Set([...tagged, ...majors.values()])].map((version) => `${name}@${version}`);
  });
}

function major(version) {
  return Number(version.split('.', 1)[0]);
}

/** By SemVer §11, as far as releases of npm packages need it. */
function compare(one, other) {
  const [[numbers, tag], [otherNumbers, otherTag]] = [one, other].map((version) => {
    const [core, ...rest] = version.split('+', 1)[0].split('-');
    return [core.split('.').map(Number), rest.join('-')];
  });
  const at = numbers.findIndex((number, index) => number !== otherNumbers[index]);
  if (at !== -1) return numbers[at] - otherNumbers[at];
  if (tag === '' || otherTag === '') return Number(tag === '') - Number(otherTag === '');
  return tag.localeCompare(otherTag, 'en', { numeric: true });
}

function copyRepository(versions) {
  for (const file of execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n')) {
    if (file !== 'package-lock.json' && existsSync(file)) cpSync(file, join(work, file));
  }
  const kept = Object.entries(devDependencies).filter(([name]) => !TOOLS.test(name));
  const copy = { ...manifest, devDependencies: { ...Object.fromEntries(kept), ...versions } };
  writeFileSync(join(work, 'package.json'), JSON.stringify(copy));
}

/** Whether the library compiles with these packages beside the others, and which tests go. */
async function tryOut(label, packages, suites) {
  console.log(`\n=== ${label}`);
  // Whatever ranges the packages have for each other.
  const flags = ['--force', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const installed = await run('npm', ['install', ...flags, ...packages], SECONDS.install);
  if (installed !== 0) return { label, types: '–', tests: 'not installed', isGood: false };

  const types = await run('npx', ['tsc', '-p', 'tsconfig.build.json', '--noEmit'], SECONDS.types);
  const report = join(work, 'report.json');
  rmSync(report, { force: true });
  const options = ['--project=unit', '--project=sqljs', '--silent', '--reporter=json', `--outputFile=${report}`];
  const tests = await run('npx', ['vitest', 'run', ...options, ...suites], SECONDS.tests);
  const found = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  // A release by which no file loads is bad news of that release; where no file was found, the fault is here.
  if (tests !== LATE && !found?.testResults.length) throw new Error(`${label}: no suite was found`);
  const bad = (found?.testResults ?? []).flatMap(badIn);
  for (const name of bad.slice(0, 20)) console.log(`bad: ${name}`);
  if (bad.length > 20) console.log(`bad: ${bad.length - 20} more`);
  return {
    label,
    types: { 0: 'good', [LATE]: 'not done in time' }[types] ?? 'BAD',
    tests: found ? `${found.numPassedTests} good, ${bad.length} bad` : 'not done in time',
    isGood: types === 0 && found !== undefined && bad.length === 0,
  };
}

/** The tests of a file that failed, or the file, where it did not load. */
function badIn({ name, message, assertionResults }) {
  const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  return failed.length === 0 && message ? [`${name.replace(`${work}/`, '')}: ${message.split('\n', 1)[0]}`] : failed;
}

function printVersions(latest) {
  const rows = names.map((name) => {
    const file = join(work, 'node_modules', name, 'package.json');
    const installed = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : '–';
    return [name, peerDependencies[name] ?? '–', devDependencies[name], latest[name], installed];
  });
  console.log(table([['package', 'users may have', 'tested with', 'newest', 'tried'], ...rows]));
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The exit code, or LATE: with all that it started, and at the latest when the time for everything is over. */
function run(command, args, seconds) {
  const patience = Math.min(seconds * 1_000, deadline - performance.now());
  if (patience <= 0) return LATE;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: work, stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    const timer = setTimeout(() => {
      // The whole group: npx and npm start others.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      resolve(LATE);
    }, patience);
    child.once('error', reject).once('exit', (code) => {
      clearTimeout(timer);
      resolve(code ?? 1);
    });
  });
}
