// Checks that the tarball would hold what users need and nothing else.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

// Without scripts: what an earlier step built would be packed, and stdout is JSON alone.
const answer = execFileSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], { encoding: 'utf8' });
// npm 12 answers with an object by package name.
const [packed] = Object.values(JSON.parse(answer));

const { files, exports: exported } = JSON.parse(readFileSync('package.json', 'utf8'));
const documents = ['package.json', 'README.md', 'LICENSE', ...files.filter((name) => name !== 'dist')];
const entries = Object.values(exported).flatMap((entry) => (typeof entry === 'string' ? [] : Object.values(entry)));
const required = [...entries.map((path) => path.replace('./', '')), ...documents];
const paths = packed.files.map(({ path }) => path);

const missing = required.filter((path) => !paths.includes(path));
const surplus = paths.filter((path) => !documents.includes(path) && !/^dist\/[\w./-]+\.(js|d\.ts)$/.test(path));
const unpaired = paths.filter((path) => path.endsWith('.js') && !paths.includes(path.replace(/\.js$/, '.d.ts')));

console.log(`${packed.filename}: ${paths.length} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
for (const path of missing) console.log(`missing: ${path}`);
for (const path of surplus) console.log(`does not belong: ${path}`);
for (const path of unpaired) console.log(`has no types beside it: ${path}`);
if (missing.length + surplus.length + unpaired.length > 0) process.exit(1);
