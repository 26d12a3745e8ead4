// Reads what `.ci/count-reporter.mjs` counted.
//   node .ci/check-counts.mjs unit sqljs    prints counts by project; exits 1 unless each of these ran a test
//   node .ci/check-counts.mjs --totals      prints "passed failed"
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const countsFile = () => join(process.env.WORK, 'test-counts.json');

function main(...required) {
  const counts = existsSync(countsFile()) ? JSON.parse(readFileSync(countsFile(), 'utf8')) : {};
  if (required[0] === '--totals') {
    const total = (state) => Object.values(counts).reduce((sum, count) => sum + count[state], 0);
    console.log(total('passed'), total('failed'));
    return;
  }
  for (const [project, { passed, failed, skipped }] of Object.entries(counts)) {
    console.log(`${project.padEnd(20)} ${passed} good, ${failed} bad, ${skipped} skipped`);
  }
  for (const project of required) {
    const { passed = 0, failed = 0 } = counts[project] ?? {};
    if (passed + failed > 0) continue;
    console.log(`${project.padEnd(20)} ran no test`);
    process.exitCode = 1;
  }
}

if (import.meta.filename === process.argv[1]) main(...process.argv.slice(2));
