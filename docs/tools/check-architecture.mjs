// Checks ARCHITECTURE.md against lib: whatever it names exists, and every folder of lib is in it and in its picture.
import { existsSync, readdirSync } from 'node:fs';
import { read, ROOT } from './markdown.mjs';

const page = read('ARCHITECTURE.md');
const picture = read('docs/diagrams/architecture.svg');
const named = [...new Set([...page.matchAll(/`(lib\/[\w./-]+)`/g)].map(([, path]) => path))];
const folders = readdirSync(`${ROOT}lib`, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `lib/${name}`);

const problems = [
  ...named
    .filter((path) => !existsSync(ROOT + path))
    .map((path) => `ARCHITECTURE.md names ${path}, which does not exist`),
  ...[...picture.matchAll(/lib\/[\w-]+/g)]
    .filter(([path]) => !existsSync(ROOT + path))
    .map(([path]) => `the picture names ${path}, which does not exist`),
  ...folders.filter((path) => !named.includes(path)).map((path) => `ARCHITECTURE.md does not name ${path}`),
  ...folders.filter((path) => !picture.includes(path)).map((path) => `the picture of the architecture lacks ${path}`),
];
console.log(`architecture: ${named.length} paths of lib named, ${folders.length} folders`);
for (const text of problems) console.error(text);
if (problems.length > 0) process.exit(1);
