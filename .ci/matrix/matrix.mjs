// Packs the library, installs it into apps outside of this repository, compiles them and runs them:
//   npm run matrix                    every row, on every Node.js of the list
//   npm run matrix -- --list          names the rows
//   npm run matrix -- nest11 pnpm     the rows whose name has all of these words
//   npm run matrix -- --node=20,24    on these Node.js only
//   npm run matrix -- --readme        writes the table into README.md as well
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { INSTALLATIONS, NODES } from './rows.mjs';

/** How variants, and programs that have only one, are called in the table. */
const LABELS = {
  express: 'Express',
  fastify: 'Fastify',
  swagger: 'OpenAPI',
  'socket.io': 'Socket.IO',
  ws: 'ws',
  http2: 'HTTP/2',
  webpack: 'a webpack bundle',
  esbuild: 'an esbuild bundle',
};

const QUIET = { npm_config_loglevel: 'error', npm_config_audit: 'false', npm_config_fund: 'false', NO_COLOR: '1' };
const run = (command, args, options) =>
  promisify(execFile)(command, args, { ...options, env: { ...process.env, ...QUIET } });

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean' }, readme: { type: 'boolean' }, node: { type: 'string' } },
});
const chosen = ({ name }) => positionals.every((word) => name.includes(word));
const installations = INSTALLATIONS.filter(({ rows }) => rows.some(chosen));

if (installations.length === 0) throw new Error(`No row has all of: ${positionals.join(', ')}`);
if (values.list)
  console.log(INSTALLATIONS.flatMap(({ rows }) => rows.filter(chosen).map(({ name }) => name)).join('\n'));
else await main();

async function main() {
  const work = mkdtempSync(join(tmpdir(), 'authentify-matrix-'));
  try {
    const tarball = await pack(work);
    const nodes = await installNodes(work, values.node?.split(',') ?? NODES);
    const databases = ['sqljs', ...(await databasesThatAnswer())];
    const results = [];
    for (const installation of installations) {
      const app = join(work, installation.name.replaceAll(/[ @/]+/g, '-'));
      const versions = await install(app, installation, tarball);
      for (const row of installation.rows.filter(chosen)) {
        const outcomes = await Promise.all(
          nodes.map(({ binary }) => outcomeOf(app, installation.program, row, binary, databases)),
        );
        results.push({ ...row, program: installation.program, manager: installation.manager, versions, outcomes });
        console.log(
          `${row.name}: ${outcomes.map((good, i) => `${nodes[i].version} ${good ? 'good' : 'BAD'}`).join(', ')}`,
        );
      }
    }
    const table = tableOf(results, nodes);
    console.log(`\n${table}\n\nDatabases: ${databases.join(', ')}`);
    if (values.readme) await writeReadme(table);
    if (results.some(({ outcomes }) => outcomes.includes(false))) process.exitCode = 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Packs what `npm run build` made. */
async function pack(work) {
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', work]);
  return join(
    work,
    readdirSync(work).find((name) => name.endsWith('.tgz')),
  );
}

/** The registry has Node.js itself, as packages by platform. */
async function installNodes(work, lines) {
  return Promise.all(
    lines.map(async (line) => {
      const directory = join(work, `node-${line}`);
      const name = `node-${process.platform}-${process.arch}`;
      await run('npm', ['install', '--prefix', directory, '--ignore-scripts', `${name}@${line}`]);
      const { version } = JSON.parse(readFileSync(join(directory, 'node_modules', name, 'package.json'), 'utf8'));
      return { version: version.replace('v', ''), binary: join(directory, 'node_modules', name, 'bin', 'node') };
    }),
  );
}

async function databasesThatAnswer() {
  const answers = await Promise.all(
    ['postgres', 'mariadb'].map((name) =>
      run(process.execPath, ['.ci/database-answers.mjs', name]).then(
        () => [name],
        () => [],
      ),
    ),
  );
  return answers.flat();
}

/** Makes the app, compiles it in each format, and tells which versions it got. */
async function install(app, { manager, program, dependencies, rows }, tarball) {
  mkdirSync(app);
  const manifest = { private: true, dependencies: { ...dependencies, 'nestjs-authentify': `file:${tarball}` } };
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest));
  if (manager === 'npm') await run('npm', ['install'], { cwd: app });
  else await run('npx', ['--yes', 'pnpm', 'install', '--ignore-scripts'], { cwd: app });
  for (const format of new Set(rows.map(({ format }) => format))) {
    const folder = join(app, format);
    mkdirSync(folder);
    const files = readdirSync('.ci/matrix/apps').filter((file) =>
      [program, 'tsconfig'].includes(file.split('.', 1)[0]),
    );
    for (const file of files) cpSync(join('.ci/matrix/apps', file), join(folder, file));
    writeFileSync(join(folder, 'package.json'), `{ "type": "${format === 'esm' ? 'module' : 'commonjs'}" }`);
    await run(process.execPath, ['../node_modules/typescript/bin/tsc'], { cwd: folder });
  }
  const versionOf = (name) => JSON.parse(readFileSync(join(app, 'node_modules', name, 'package.json'), 'utf8')).version;
  return { nest: versionOf('@nestjs/core'), typeorm: versionOf('typeorm') };
}

async function outcomeOf(app, program, { name, format, variant }, binary, databases) {
  try {
    const args = [`build/${program}.js`, variant, databases.join(',')];
    const { stdout, stderr } = await run(binary, args, { cwd: join(app, format) });
    // Nobody could do anything about one in apps as plain as these, nor about sessions that take the slow way.
    const isWarning = (line) => /\b(?:WARN|ERROR)\b|through TypeORM/.test(line);
    const warnings = [stdout, stderr].join('\n').split('\n').filter(isWarning);
    if (warnings.length > 0) console.log(`${name}:\n${warnings.join('\n')}`);
    return warnings.length === 0;
  } catch (error) {
    console.log(`${name}:\n${error.stdout}${error.stderr}`);
    return false;
  }
}

/** One line for each set of versions: every program runs as ES module and as CommonJS. */
function tableOf(results, nodes) {
  const head = ['Nest', 'TypeORM', 'installed by', 'modules', 'with', ...nodes.map(({ version }) => `Node ${version}`)];
  const lines = new Map();
  for (const result of results) {
    const start = [result.versions.nest, result.versions.typeorm, result.manager];
    lines.set(start.join(), [...(lines.get(start.join()) ?? []), { start, ...result }]);
  }
  const rows = Array.from(lines.values(), (group) => [
    ...group[0].start,
    unique(group.map(({ format }) => (format === 'esm' ? 'ES' : 'CommonJS'))),
    unique(group.map(({ program, variant }) => LABELS[program] ?? LABELS[variant])),
    ...nodes.map((_, index) => (group.every(({ outcomes }) => outcomes[index]) ? '✓' : '✗')),
  ]);
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function unique(words) {
  return [...new Set(words)].join(', ');
}

async function writeReadme(table) {
  const readme = readFileSync('README.md', 'utf8');
  const written = readme.replace(/(<!-- matrix -->\n)[^]*(<!-- \/matrix -->)/, `$1\n${table}\n\n$2`);
  if (written === readme) throw new Error('README.md has no place for the table, or it is the same');
  writeFileSync('README.md', written);
  await run('npx', ['prettier', '--write', 'README.md']);
}
