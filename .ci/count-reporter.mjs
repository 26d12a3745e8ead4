// A vitest reporter that counts tests by project, for `.ci/check-counts.mjs`.
import { writeFileSync } from 'node:fs';
import { countsFile } from './check-counts.mjs';

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = {};
    for (const module of modules) {
      const count = (counts[module.project.name] ??= { passed: 0, failed: 0, skipped: 0 });
      for (const test of module.children.allTests()) count[stateOf(test)] += 1;
      // A file that does not load, or whose hooks fail, has perhaps no test to show for it.
      if (module.errors().length > 0) count.failed += 1;
    }
    if (unhandledErrors.length > 0)
      counts['(outside of tests)'] = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    writeFileSync(countsFile(), JSON.stringify(counts));
  }
}

function stateOf(test) {
  const { state } = test.result();
  // What never came to run is no success.
  return state === 'pending' ? 'failed' : state;
}
