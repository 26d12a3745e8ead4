// Runs the start as the README and the quick start show it: the app as check-snippets.mjs compiled it, then each of their
// curl commands. <accessToken> and <refreshToken> stand for those of the last answer. A `console` block is a transcript:
// its commands must answer what the page shows.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { blocksOf, ROOT } from './markdown.mjs';

const STARTS = { 'README.md': 'README', 'docs/guide/quick-start.md': 'docs-guide-quick-start' };

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function answers(port) {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await sleep(100);
    }
  }
  throw new Error('the app did not come to answer');
}

/** Runs one command with curl; returns the status and what JSON it answered. */
function run(command, port, known) {
  const filled = command
    .replace('localhost:3000', `127.0.0.1:${port}`)
    .replaceAll(/<(\w+)>/g, (_all, name) => known[name]);
  const output = execFileSync('bash', ['-c', `${filled} -s -w '\\n%{http_code}'`], { encoding: 'utf8' });
  const [, body, status] = /^([^]*)\n(\d{3})$/.exec(output);
  return { status, answer: body ? JSON.parse(body) : {} };
}

/** What a transcript shortens or leaves out with "…", and what differs each time. */
const VARYING = /[\w.-]*…[\w-]*|\d{4}-\d\d-\d\dT[\d:.]+Z/g;
const literal = (text) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Runs a transcript. A shortened value in a command stands for the one that an earlier answer had in its place. */
function replay(page, code, port) {
  const known = new Map();
  for (const [, command, shown] of code.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)) {
    const filled = command
      .replace('localhost:3000', `127.0.0.1:${port}`)
      .replaceAll(VARYING, (value) => known.get(value) ?? value);
    const output = execFileSync('bash', ['-c', `${filled} -s`], { encoding: 'utf8' }).replaceAll(/\s/g, '');
    const expected = shown.replaceAll(/\s/g, '');
    const varying = expected.match(VARYING) ?? [];
    const [first, ...rest] = expected.split(VARYING).map(literal);
    const pattern = rest.map((text, index) => (varying[index] === '…' ? '(.*?)' : String.raw`([\w.:-]+)`) + text);
    const values = new RegExp(`^${first}${pattern.join('')}$`).exec(output);
    if (!values) throw new Error(`${page}: ${command}\nshows ${expected}\nanswered ${output}`);
    for (const [index, value] of varying.entries()) known.set(value, values[index + 1]);
    console.log(`as shown: ${command}`);
  }
}

async function walk(page, folder) {
  const commands = blocksOf(page)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.split('\n').filter((line) => line.startsWith('curl ')));
  if (commands.length === 0) throw new Error(`${page} has no curl command`);
  const port = await freePort();
  const main = join(ROOT, 'build/snippets/out', folder, 'src/main.js');
  writeFileSync(main, readFileSync(main, 'utf8').replace('listen(3000)', `listen(${port}, '127.0.0.1')`));
  const app = spawn('node', [main], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await answers(port);
    const known = {};
    for (const command of commands) {
      const { status, answer } = run(command, port, known);
      console.log(`${status} ${command}`);
      if (!status.startsWith('2')) throw new Error(`${page}: answered ${status} ${JSON.stringify(answer)}`);
      Object.assign(known, answer);
    }
    for (const { language, code } of blocksOf(page)) if (language === 'console') replay(page, code, port);
  } finally {
    app.kill();
  }
}

for (const [page, folder] of Object.entries(STARTS)) await walk(page, folder);
