// Makes apps as `nest new` makes them, and does in them what a newcomer does: install, paste the start of the README, start
// it twice on a database that keeps its rows, and run the tests of docs/recipes/testing.md, with Jest in Nest 11.
//   npm run new-apps                  all of them, from what `npm run build` made
//   npm run new-apps -- nest11-pnpm   those named
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Nest 11 makes CommonJS apps with Jest, Nest 12 ES modules with Vitest. `compiler` is what compiles packages for Jest. */
const APPS = [
  { name: 'nest11-npm', cli: '@nestjs/cli@11', manager: 'npm' },
  { name: 'nest11-pnpm', cli: '@nestjs/cli@11', manager: 'pnpm', compiler: '@swc/jest' },
  { name: 'nest12-npm', cli: '@nestjs/cli@12', manager: 'npm' },
];
const START = 'README.md';
const TESTING = 'docs/recipes/testing.md';
/** What an app gets that only its linter and formatter need; left out for the time it takes. */
const NOT_NEEDED = /eslint|prettier|oxlint|@nestjs\/mau|coverage|ts-loader|ts-node/;

const env = {
  ...process.env,
  NO_COLOR: '1',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_loglevel: 'error',
  npm_config_prefer_offline: 'true',
};
const run = (cwd, command, ...args) =>
  promisify(execFile)(command, args, { cwd, env, maxBuffer: 2 ** 26 }).catch((error) => {
    throw new Error(`${[command, ...args].join(' ')}:\n${error.stdout}${error.stderr}`);
  });

const blocks = (path) => [...readFileSync(path, 'utf8').matchAll(/^```(\w+)\n([^]*?)^```$/gm)];
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, JSON.stringify(value, null, 2));

const names = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'authentify-new-apps-'));
try {
  await run('.', 'npm', 'pack', '--ignore-scripts', '--pack-destination', work);
  const tarball = join(work, readdirSync(work)[0]);
  for (const app of APPS.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const begin = Date.now();
    try {
      const seen = await tryOut(app, tarball);
      console.log(`${app.name}: good, ${Math.round((Date.now() - begin) / 1000)} s: ${seen}`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`${app.name}: BAD: ${error.message}`);
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function tryOut({ name, cli, manager, compiler }, tarball) {
  await run(work, 'npx', '--yes', cli, 'new', name, '--skip-git', '--skip-install', '--package-manager', manager);
  const folder = join(work, name);
  await install(folder, manager, tarball, compiler === '@swc/jest' ? [compiler, '@swc/core'] : []);
  paste(folder);
  await run(folder, 'npx', 'nest', 'build');
  const starts = [await start(folder), await start(folder)];
  const isJest = 'jest' in readJson(join(folder, 'package.json'));
  if (isJest) configureJest(folder, compiler);
  const { stdout, stderr } = await run(folder, 'npm', 'test');
  const e2e = await run(folder, 'npm', 'run', 'test:e2e');
  const passed = [stdout + stderr, e2e.stdout + e2e.stderr].map((text) => /Tests:?\s+(\d+ passed)/.exec(text)?.[1]);
  if (passed.includes(undefined)) throw new Error('the tests say nothing of having passed');
  return `logins after two starts ${starts.join(', ')}; ${isJest ? 'Jest' : 'Vitest'}: ${passed.join(' and ')}`;
}

/** The README's own command lines, with the package as it would be published, and Nest's packages of the app's version. */
async function install(folder, manager, tarball, more) {
  const manifest = readJson(join(folder, 'package.json'));
  for (const list of [manifest.dependencies, manifest.devDependencies]) {
    for (const one of Object.keys(list)) if (NOT_NEEDED.test(one)) delete list[one];
  }
  writeJson(join(folder, 'package.json'), manifest);
  const [major] = /\d+/.exec(manifest.dependencies['@nestjs/core']);
  const commands = readFileSync(START, 'utf8').matchAll(/^npm i (.+)$/gm);
  const packages = Array.from(commands, ([, list]) => list.split(' '))
    .flat()
    .map((one) => (one === 'nestjs-authentify' ? `file:${tarball}` : one))
    .map((one) => (one.startsWith('@nestjs/') ? `${one}@${major}` : one))
    .concat(more);
  if (manager === 'npm') await run(folder, 'npm', 'install', ...packages);
  else await run(folder, 'npx', '--yes', 'pnpm', 'add', '--ignore-scripts', ...packages);
}

/** The files of the start, and the tests; what `nest new` wrote to say hello goes. */
function paste(folder) {
  for (const path of [
    'src/app.controller.ts',
    'src/app.service.ts',
    'src/app.controller.spec.ts',
    'test/app.e2e-spec.ts',
  ])
    rmSync(join(folder, path));
  for (const [, language, code] of [...blocks(START), ...blocks(TESTING)]) {
    const path = /^\/\/ ((?:src|test)\/\S+\.ts)\n/.exec(code)?.[1];
    if (language === 'ts' && path) writeFileSync(join(folder, path), code);
  }
  const module = join(folder, 'src/app.module.ts');
  const inMemory = readFileSync(module, 'utf8');
  const inFile = inMemory.replace("type: 'sqljs',", "type: 'sqljs', location: 'app.sqlite', autoSave: true,");
  if (inFile === inMemory) throw new Error(`${START} has no sql.js database to keep in a file`);
  writeFileSync(module, inFile);
  const main = join(folder, 'src/main.ts');
  writeFileSync(main, readFileSync(main, 'utf8').replace('3000', 'Number(process.env.PORT)'));
}

/** The recipe's settings, for unit tests and for those of the whole app. */
function configureJest(folder, compiler) {
  const text = blocks(TESTING).find(([, language, code]) => language === 'json' && code.includes('transform'))[2];
  const recipe = JSON.parse(text);
  if (compiler) recipe.transform['^.+\\.js$'] = compiler;
  const manifest = readJson(join(folder, 'package.json'));
  Object.assign(manifest.jest, recipe);
  writeJson(join(folder, 'package.json'), manifest);
  const e2e = join(folder, 'test/jest-e2e.json');
  writeJson(e2e, { ...readJson(e2e), ...recipe });
}

/** Starts the compiled app and logs in; answers with the status. */
async function start(folder) {
  const port = await freePort();
  const app = spawn('node', ['dist/main.js'], { cwd: folder, env: { ...env, PORT: String(port) } });
  let output = '';
  for (const stream of [app.stdout, app.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = once(app, 'exit');
  try {
    const body = new URLSearchParams({ email: 'ada@example.com', password: 'correct horse' });
    for (let tries = 0; tries < 300 && app.exitCode === null; tries += 1) {
      const answer = await fetch(`http://127.0.0.1:${port}/auth/login`, { method: 'POST', body }).catch(() => null);
      if (answer?.ok) return answer.status;
      if (answer) throw new Error(`the login answered ${answer.status}`);
      await sleep(100);
    }
    throw new Error(`the app did not start:\n${output}`);
  } finally {
    app.kill();
    await ended;
  }
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
