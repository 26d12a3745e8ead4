// Compares the public names of every entry of the package, with their types, to the reports checked in under api/, so
// that none changes unnoticed. Refuses `any` in them, and types that a signature names and nobody can import, from its own
// entry or the main one; needs what `npm run build` made.
//   npm run api:check     fails where they differ
//   npm run api:update    writes the reports
import { mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

/** What no user needs by name: what mixins return, a base that hides a member, a table whose results count. */
const NAMELESS = new Set(['CookieTokenStrategy_base', 'HeaderTokenStrategy_base', 'PublicHttpException', 'OPTIONS']);

/** How a report writes what an entry exports. */
const EXPORTED = /^export (?:declare )?(?:abstract )?(?:class|interface|type|const|function) (\w+)/gm;

const update = process.argv.includes('--update');
const { name, exports: entries } = JSON.parse(readFileSync('package.json', 'utf8'));
const folder = resolve('api');
mkdirSync(folder, { recursive: true });

let bad = 0;
const inMainEntry = new Set();
for (const [entry, { types }] of Object.entries(entries)) {
  if (types === undefined) continue;
  const report = entry === '.' ? name : entry.replace('./', `${name}-`);
  const { succeeded, errorCount, warningCount } = Extractor.invoke(
    ExtractorConfig.prepare({
      configObject: configOf(types, `${report}.api.md`),
      configObjectFullPath: resolve('.ci/api-extractor.json'),
      packageJsonFullPath: resolve('package.json'),
    }),
    { localBuild: update, showVerboseMessages: false, messageCallback: (message) => judge(message) },
  );
  const text = readFileSync(join(folder, `${report}.api.md`), 'utf8');
  if (entry === '.') for (const [, exported] of text.matchAll(EXPORTED)) inMainEntry.add(exported);
  const anys = text.match(/^.*\bany\b(?!.*\/\/).*$/gm) ?? [];
  for (const line of anys) console.log(`any: ${line.trim()}`);
  console.log(`${entry}: ${errorCount} errors, ${warningCount} warnings`);
  if (!succeeded || anys.length > 0) bad += 1;
}
if (bad > 0) process.exitCode = 1;

/** A type that a signature names can be imported, or needs no name. */
function judge(message) {
  if (message.messageId !== 'ae-forgotten-export') return;
  const [, name] = /The symbol "(\w+)"/.exec(message.text) ?? [];
  if (NAMELESS.has(name) || inMainEntry.has(name)) message.logLevel = ExtractorLogLevel.None;
}

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
        'ae-forgotten-export': { logLevel: ExtractorLogLevel.Error },
        // Docstrings are the documentation's matter.
        'ae-undocumented': silent,
      },
      tsdocMessageReporting: { default: silent },
    },
  };
}
