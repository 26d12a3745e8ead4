// Installs what the documentation, or another folder with tools of its own, needs, where that is missing or out of date:
//   node docs/tools/install.mjs [FOLDER]
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
const [wanted, installed] = ['package-lock.json', 'node_modules/.package-lock.json'].map((name) => join(folder, name));
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
}
