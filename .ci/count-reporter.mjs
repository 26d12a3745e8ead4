// A vitest reporter that counts tests by project, for `.ci/check-counts.mjs`, and by the requirement they are named
// after, for `.ci/check-requirements.mjs`. A run adds to what the runs before it counted.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { countsFile } from './check-counts.mjs';
import { numbersIn, requirementsFile } from './check-requirements.mjs';

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = countedBefore(countsFile());
    const requirements = countedBefore(requirementsFile());
    for (const module of modules) {
      const count = (counts[module.project.name] ??= { passed: 0, failed: 0, skipped: 0 });
      for (const test of module.children.allTests()) {
        count[stateOf(test)] += 1;
        for (const number of new Set(numbersIn(test.fullName))) {
          const entry = ((requirements[number] ??= {})[`${module.project.name}${adapterOf(test)}`] ??= {});
          entry[module.relativeModuleId] = (entry[module.relativeModuleId] ?? 0) + (stateOf(test) === 'passed' ? 1 : 0);
        }
      }
      // A file that does not load, or whose hooks fail, has perhaps no test to show for it.
      if (module.errors().length > 0) count.failed += 1;
    }
    if (unhandledErrors.length > 0)
      counts['(outside of tests)'] = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    writeFileSync(countsFile(), JSON.stringify(counts));
    writeFileSync(requirementsFile(), JSON.stringify(requirements));
  }
}

function countedBefore(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

function adapterOf(test) {
  const [adapter] = /\b(express|fastify)\b/.exec(test.fullName) ?? [];
  return adapter ? `/${adapter}` : '';
}

function stateOf(test) {
  const { state } = test.result();
  // What never came to run is no success.
  return state === 'pending' ? 'failed' : state;
}
