// Compares the public names of every entry of the package, with their types, to the reports checked in under api/, so
// that none changes unnoticed, and refuses `any` in them; needs what `npm run build` made.
//   npm run api:check     fails where they differ
//   npm run api:update    writes the reports
import { mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const update = process.argv.includes('--update');
const { name, exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));
const folder = resolve('api');
mkdirSync(folder, { recursive: true });

let bad = 0;
for (const [entry, { types }] of Object.entries(entries)) {
  if (types === undefined) continue;
  const report = entry === '.' ? name : entry.replace('./', `${name}-`);
  const { succeeded, errorCount, warningCount } = Extractor.invoke(
    ExtractorConfig.prepare({
      configObject: configOf(types, `${report}.api.md`),
      configObjectFullPath: resolve('.ci/api-extractor.json'),
      packageJsonFullPath: resolve('package.json'),
    }),
    { localBuild: update, showVerboseMessages: false },
  );
  const anys = readFileSync(join(folder, `${report}.api.md`), 'utf8').match(/^.*\bany\b(?!.*\/\/).*$/gm) ?? [];
  for (const line of anys) console.log(`any: ${line.trim()}`);
  console.log(`${entry}: ${errorCount} errors, ${warningCount} warnings`);
  if (!succeeded || anys.length > 0) bad += 1;
}
if (bad > 0) process.exitCode = 1;

function configOf(types, reportFileName) {
  const silent = { logLevel: ExtractorLogLevel.None };
  return {
    projectFolder: resolve('.'),
    mainEntryPointFilePath: resolve(types),
    compiler: { tsconfigFilePath: resolve('tsconfig.build.json') },
    apiReport: { enabled: true, reportFolder: folder, reportTempFolder: join(tmpdir(), `${name}-api`), reportFileName },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    messages: {
      compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Warning } },
      extractorMessageReporting: {
        default: { logLevel: ExtractorLogLevel.Warning },
        'ae-missing-release-tag': silent,
        // The types of what the container injects need no name of their own; docstrings are the documentation's matter.
        'ae-forgotten-export': silent,
        'ae-undocumented': silent,
      },
      tsdocMessageReporting: { default: silent },
    },
  };
}
