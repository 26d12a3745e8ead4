// Packs the library, and walks through the life of sessions on every database it was tried on:
//   npm run engines                    every one, which takes a compiler for better-sqlite3
//   npm run engines -- postgres lite   those whose name has one of these words
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ENGINES } from './engines.mjs';

const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const NEST = ['common', 'core', 'passport', 'platform-express', 'typeorm'].map((name) => `@nestjs/${name}`);
const peers = (typeorm, nest) => ({
  ...Object.fromEntries(NEST.map((name) => [name, nest ?? devDependencies[name]])),
  ...Object.fromEntries(['passport', 'reflect-metadata', 'rxjs'].map((name) => [name, devDependencies[name]])),
  typeorm,
});
const APPS = { 'typeorm-1': peers(devDependencies.typeorm), 'typeorm-0.3.20': peers('0.3.20', '^11.0.0') };

// What compiles against Node.js finds its headers beside it, where they are.
const node = resolve(process.execPath, '../..');
const headers = existsSync(join(node, 'include/node/node.h')) ? { npm_config_nodedir: node } : {};
const QUIET = { npm_config_loglevel: 'error', npm_config_audit: 'false', npm_config_fund: 'false', NO_COLOR: '1' };
const run = (command, args, options) =>
  promisify(execFile)(command, args, { timeout: 540_000, ...options, env: { ...process.env, ...headers, ...QUIET } });

const words = process.argv.slice(2);
const engines = ENGINES.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (engines.length === 0) throw new Error(`No engine has one of: ${words.join(', ')}`);

const work = mkdtempSync(join(tmpdir(), 'authentify-engines-'));
try {
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', work]);
  const tarball = join(
    work,
    readdirSync(work).find((name) => name.endsWith('.tgz')),
  );
  const drivers = join(work, 'drivers');
  await Promise.all([
    install(drivers, Object.assign({}, ...engines.map(({ packages }) => packages))),
    ...Object.entries(APPS).map(([name, dependencies]) =>
      install(join(work, name), { ...dependencies, 'nestjs-authentify': `file:${tarball}` }),
    ),
  ]);
  for (const app of Object.keys(APPS)) copyFileSync('.ci/engines/walk.mjs', join(work, app, 'walk.mjs'));
  for (const engine of engines) await tryOut(engine, drivers);
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function install(folder, dependencies) {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }));
  await run('npm', ['install'], { cwd: folder });
}

async function tryOut({ name, driver, expected, start }, drivers) {
  const server = await start(drivers, work);
  try {
    for (const app of Object.keys(APPS)) {
      const options = await server.place();
      const task = JSON.stringify({ options, driver: join(drivers, 'node_modules', driver), expected });
      const outcome = await run(process.execPath, ['walk.mjs', task], { cwd: join(work, app), timeout: 60_000 }).then(
        ({ stdout }) => stdout.trim(),
        (error) => {
          process.exitCode = 1;
          return `BAD\n${error.stdout}${error.stderr}`;
        },
      );
      console.log(`${name}, ${app}: ${outcome}`);
    }
  } finally {
    await server.stop();
  }
}
