// Holds code and tests against docs/reference/requirements.md: exits 1 if a number is cited that the page does not have, or
// if a requirement has no test named after it. In `.ci/run`, where `.ci/count-reporter.mjs` noted what passed, such a test
// must have passed, and what each ran on is printed. SECURITY.md may set a requirement aside, in a line `- **R12**`.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = 'docs/reference/requirements.md';
/** Not the pages of `docs`, where R1 and R2 are refresh tokens; their links to requirements are checked with all links. */
const CITING = ['lib', 'test', 'bench', 'sample', '.ci', 'docs/tools', 'AGENTS.md', 'ARCHITECTURE.md', 'SECURITY.md'];
const problems = [];

export const requirementsFile = () => join(process.env.WORK, 'test-requirements.json');

/** The numbers that a text cites, such as 9, 31, 32 and 33 in "(R9, R31–R33)". */
export function numbersIn(text) {
  return [...text.matchAll(/\bR(\d+)(?:–R(\d+))?\b/g)].flatMap(([, first, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, index) => Number(first) + index),
  );
}

function main() {
  const required = numbersOnPage();
  const tested = new Set();
  for (const file of citingFiles()) {
    const text = readFileSync(file, 'utf8');
    for (const number of new Set(numbersIn(text))) {
      if (!required.includes(number)) problems.push(`R${number}: cited in ${file}, and not on ${PAGE}`);
    }
    if (file.endsWith('.spec.ts')) for (const number of numbersIn(withoutComments(text))) tested.add(number);
  }
  const waived = new Set(
    [...readFileSync('SECURITY.md', 'utf8').matchAll(/^- \*\*R(\d+)/gm)].map(([, number]) => Number(number)),
  );
  for (const number of required) {
    if (waived.has(number)) console.log(`R${number}: see SECURITY.md`);
    else if (!tested.has(number)) problems.push(`R${number}: no test is named after it`);
    else if (process.env.WORK) tellWhatPassed(number);
  }
  console.log(`${required.length} requirements, ${tested.size} of them in the names of tests`);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

function numbersOnPage() {
  const numbers = [...readFileSync(PAGE, 'utf8').matchAll(/^### R(\d+)$/gm)].map(([, number]) => Number(number));
  for (const number of new Set(numbers)) {
    if (numbers.filter((other) => other === number).length > 1) problems.push(`R${number}: twice on ${PAGE}`);
  }
  if (numbers.length === 0) problems.push(`${PAGE} has no requirement: a heading such as "### R1"`);
  return numbers;
}

function citingFiles() {
  const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...CITING]);
  // What a working tree has deleted is still listed.
  return [...new Set(tracked.toString().split('\n'))].filter(
    (file) => /\.(ts|mjs|js|sh|md|json)$/.test(file) && existsSync(file),
  );
}

const withoutComments = (text) => text.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');

function tellWhatPassed(number) {
  const noted = existsSync(requirementsFile()) ? JSON.parse(readFileSync(requirementsFile(), 'utf8')) : {};
  const runs = Object.entries(noted[number] ?? {});
  const files = new Map();
  for (const [file, count] of runs.flatMap(([, counts]) => Object.entries(counts))) {
    files.set(file, (files.get(file) ?? 0) + count);
  }
  const passed = [...files.values()].reduce((sum, count) => sum + count, 0);
  const list = [...files].map(([file, count]) => `${file} (${count})`).join(', ');
  if (passed === 0) problems.push(`R${number}: no test named after it has passed`);
  else console.log(`R${number}: ${passed} good on ${runs.map(([project]) => project).join(' ')}: ${list}`);
}

if (import.meta.filename === process.argv[1]) main();
