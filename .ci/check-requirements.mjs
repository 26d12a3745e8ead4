// Prints which tests stand for which security requirement, and on what they ran, from what `.ci/count-reporter.mjs`
// noted. Exits 1 if a requirement has no passing test and SECURITY.md does not say why.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** All but R71 and R72, which are about what lies beneath the library: databases, caches, connections. */
const NUMBERS = Array.from({ length: 79 }, (_, index) => index + 1).filter((number) => number !== 71 && number !== 72);

export const requirementsFile = () => join(process.env.WORK, 'test-requirements.json');

function main() {
  const noted = existsSync(requirementsFile()) ? JSON.parse(readFileSync(requirementsFile(), 'utf8')) : {};
  const waived = new Set(
    [...readFileSync('SECURITY.md', 'utf8').matchAll(/^- \*\*R(\d+)/gm)].map(([, number]) => number),
  );
  for (const number of NUMBERS) {
    const runs = Object.entries(noted[number] ?? {});
    const files = new Map();
    for (const [, counts] of runs) {
      for (const [file, count] of Object.entries(counts)) files.set(file, (files.get(file) ?? 0) + count);
    }
    const passed = [...files.values()].reduce((sum, count) => sum + count, 0);
    const where = runs.map(([project]) => project).join(' ');
    const list = [...files].map(([file, count]) => `${file} (${count})`).join(', ');
    if (passed > 0) console.log(`R${number}: ${passed} good on ${where}: ${list}`);
    else if (waived.has(String(number))) console.log(`R${number}: see SECURITY.md`);
    else {
      console.log(`R${number}: NO TEST`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.filename === process.argv[1]) main();
