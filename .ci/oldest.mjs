// Runs the suites on the oldest versions that package.json allows, in a copy of this repository:
//   npm run test:oldest                         those of SUITES, on every database that answers
//   npm run test:oldest -- test/requests …      others
// The matrix walks through the packed library on these versions; here every test that a version could decide is run.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What TypeORM and the drivers decide. What HTTP decides, the matrix tries with the newest release of Nest 11; with 11.0.0
 * itself a module that imports one registration beside a global one is given the global one's classes.
 */
const SUITES = ['test/tokens', 'test/entities', 'test/migrations', 'test/concurrency'];

/** What needs more than these versions have. */
const LEFT_OUT = {
  'test/migrations/typeorm-cli.spec.ts': 'the command line of TypeORM 0.3.20 writes no ES modules (--esm)',
};

const NEST = {
  '11.0.0': [
    'common',
    'core',
    'platform-express',
    'platform-fastify',
    'platform-socket.io',
    'websockets',
    'microservices',
    'testing',
    'passport',
    'swagger',
    'typeorm',
    'terminus',
  ],
  '11.0.5': ['platform-ws'],
  '13.0.0': ['graphql', 'apollo'],
  '13.0.3': ['mercurius'],
  '5.0.0': ['schedule'],
  '3.0.0': ['cache-manager'],
};
const OLDEST = {
  typeorm: '0.3.20',
  'reflect-metadata': '0.1.13',
  rxjs: '7.2.0',
  ...Object.fromEntries(
    Object.entries(NEST).flatMap(([version, names]) => names.map((name) => [`@nestjs/${name}`, version])),
  ),
};
/** No test needs them, and some of them ask for newer peers. */
const TOOLS =
  /^(?:@nestjs\/(?:cli|schematics)|playwright-core|@arethetypeswrong\/.*|@microsoft\/.*|oxlint.*|publint|prettier)$/;

const work = mkdtempSync(join(tmpdir(), 'authentify-oldest-'));
try {
  for (const file of execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n')) {
    if (file !== 'package-lock.json') cpSync(file, join(work, file));
  }
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  const kept = Object.entries(manifest.devDependencies).filter(([name]) => !TOOLS.test(name));
  manifest.devDependencies = { ...Object.fromEntries(kept), ...OLDEST };
  writeFileSync(join(work, 'package.json'), JSON.stringify(manifest));
  run('npm', ['install', '--force', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);

  const suites = process.argv.slice(2);
  const projects = ['sqljs', 'postgres', 'mariadb'].flatMap((project) => ['--project', project]);
  for (const [file, reason] of Object.entries(LEFT_OUT)) {
    rmSync(join(work, file));
    console.log(`Left out: ${file}, because ${reason}`);
  }
  process.exitCode = run('npx', ['vitest', 'run', ...projects, ...(suites.length > 0 ? suites : SUITES)]);
} finally {
  rmSync(work, { recursive: true, force: true });
}

function run(command, args) {
  return spawnSync(command, args, { cwd: work, stdio: ['ignore', 'inherit', 'inherit'] }).status ?? 1;
}
