// Builds the site; a warning is a failure.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('..', import.meta.url));
const vitepress = spawn('npx', ['--no-install', 'vitepress', 'build'], {
  cwd: folder,
  stdio: ['ignore', 'pipe', 'pipe'],
});
let output = '';
for (const [stream, shown] of [
  [vitepress.stdout, process.stdout],
  [vitepress.stderr, process.stderr],
]) {
  stream.on('data', (chunk) => {
    output += chunk;
    shown.write(chunk);
  });
}
vitepress.on('close', (code) => {
  const warnings = output.split('\n').filter((line) => /\bwarn(ing)?s?\b|\(!\)|deprecat|falling back/i.test(line));
  console.log(`warnings: ${warnings.length}`);
  process.exitCode = code === 0 && warnings.length === 0 ? 0 : 1;
});
