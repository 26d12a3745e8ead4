// Builds the library, and installs what the benchmarks compare it with, where that is missing or out of date.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('.', import.meta.url));
const npm = (...args) =>
  execFileSync('npm', args, {
    cwd: bench,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });

const lock = `${bench}package-lock.json`;
const installed = `${bench}node_modules/.installed-lock.json`;
if (!existsSync(installed) || !readFileSync(installed).equals(readFileSync(lock))) {
  console.log('Installing what the library is compared with …');
  npm('ci', '--ignore-scripts');
  copyFileSync(lock, installed);
}
// Takes a minute or more, and only what runs in process needs it.
if (process.argv.includes('--sqlite') && !existsSync(`${bench}node_modules/better-sqlite3/build/Release`)) {
  console.log('Compiling SQLite …');
  npm('rebuild', 'better-sqlite3');
}
npm('run', 'build', '--prefix', '..');
