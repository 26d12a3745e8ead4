// Checks every code block that users may read. TypeScript and JavaScript are compiled, strictly, against what `npm run
// build` made, through the package's `exports`; other languages are parsed; commands must name scripts and flags that
// exist. Whatever cannot be checked must say why.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parser as python } from '@lezer/python';
import ts from 'typescript';
import { parse as parseYaml } from 'yaml';
import { blocksOf, isGenerated, pages, read, ROOT } from './markdown.mjs';

const WORK = join(ROOT, 'build/snippets');
/** Files that blocks may import without showing them: those the quick start shows, and a few more. */
const START = 'docs/guide/quick-start.md';

const problems = [];
const counts = {};
const scripts = JSON.parse(read('package.json')).scripts;

function problem({ path, line }, text) {
  problems.push(`${path}:${line}: ${text}`);
}

const fileNameOf = ({ code }) => /^\/\/ (src\/[\w./-]+\.ts)$/m.exec(code.split('\n', 1)[0])?.[1];
const slug = (path) => path.replace(/\.md$/, '').replaceAll(/[^\w-]/g, '-');

// --- TypeScript and JavaScript

/** Where each line of a compiled file stands in its page. */
const origins = new Map();

function place(file, block) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, (block.before ? `${block.before}\n` : '') + block.code);
  const offset = block.before ? block.before.split('\n').length : 0;
  origins.set(file, { ...block, line: block.line - offset });
}

function sharedFiles() {
  const directory = join(ROOT, 'docs/snippets');
  const extra = readdirSync(directory).map((name) => [`src/${name}`, readFileSync(join(directory, name), 'utf8')]);
  const start = blocksOf(START).map((block) => [fileNameOf(block), block.code]);
  return new Map([...extra, ...start.filter(([name]) => name && name !== 'src/main.ts')]);
}

function placeAll(blocks) {
  const shared = sharedFiles();
  for (const path of new Set(blocks.map((block) => block.path))) {
    const folder = join(WORK, 'in', slug(path));
    const own = blocks.filter((block) => block.path === path);
    const named = new Set(own.map(fileNameOf));
    for (const [name, code] of shared) {
      if (named.has(name)) continue;
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), code);
    }
    for (const block of own) {
      const extension = block.language === 'js' ? 'js' : block.language;
      const name = fileNameOf(block) ?? `src/line-${block.line}.${extension}`;
      if (origins.has(join(folder, name))) problem(block, `${name} is on this page twice`);
      place(join(folder, name), block);
    }
  }
}

function compile() {
  symlinkSync(join(ROOT, 'docs/node_modules'), join(WORK, 'node_modules'));
  const config = {
    extends: '../../tsconfig.json',
    compilerOptions: {
      noEmit: false,
      rootDir: 'in',
      outDir: 'out',
      lib: ['ES2023', 'DOM', 'DOM.Iterable'],
      moduleDetection: 'force',
      allowJs: true,
      checkJs: false,
      paths: {},
    },
    include: ['in'],
  };
  writeFileSync(join(WORK, 'tsconfig.json'), JSON.stringify(config));
  const parsed = ts.getParsedCommandLineOfConfigFile(join(WORK, 'tsconfig.json'), {}, ts.sys);
  const program = ts.createProgram(parsed.fileNames, parsed.options);
  const { diagnostics } = program.emit();
  for (const { file, start, messageText } of [...ts.getPreEmitDiagnostics(program), ...diagnostics]) {
    const message = ts.flattenDiagnosticMessageText(messageText, ' ');
    const origin = file && origins.get(file.fileName);
    if (!origin) problem({ path: file?.fileName ?? 'tsconfig', line: 0 }, message);
    else problem({ ...origin, line: origin.line + file.getLineAndCharacterOfPosition(start).line }, message);
  }
  const library = program.getSourceFile(join(ROOT, 'dist/index.d.ts'));
  if (!library) problem({ path: 'docs', line: 0 }, 'no block was compiled against dist; run npm run build');
}

/** Examples in doc comments stand alone, some as members of a class: only that they parse can be asked of them. */
function parses(block) {
  const compilerOptions = { experimentalDecorators: true, target: ts.ScriptTarget.ES2022 };
  const [diagnostics = []] = [block.code, `class Example {\n${block.code}\n}`]
    .map((code) => ts.transpileModule(code, { reportDiagnostics: true, compilerOptions }).diagnostics ?? [])
    .toSorted((one, other) => one.length - other.length);
  for (const { messageText } of diagnostics) problem(block, ts.flattenDiagnosticMessageText(messageText, ' '));
}

// --- Other languages

function parsesAsPython(block) {
  python.parse(block.code).iterate({
    enter(node) {
      if (node.type.isError)
        problem(block, `Python: not understood at "${block.code.slice(node.from, node.from + 20)}"`);
    },
  });
}

const helps = new Map();

function helpOf(command) {
  if (!helps.has(command)) {
    helps.set(command, execFileSync('node', ['dist/cli/main.js', command, '--help'], { cwd: ROOT, encoding: 'utf8' }));
  }
  return helps.get(command);
}

function commandsExist(block) {
  const { status, stderr } = spawnSync('bash', ['-n'], { input: block.code, encoding: 'utf8' });
  if (status !== 0) problem(block, stderr.trim());
  scriptsExist(block, block.code);
  for (const [, command, rest] of block.code.matchAll(/\bnpx authentify (\w+)([^\n#]*)/g)) {
    const known = helpOf(command);
    for (const [flag] of rest.matchAll(/--[\w-]+/g)) {
      if (!known.includes(flag)) problem(block, `authentify ${command} knows no ${flag}`);
    }
  }
  for (const [, list] of block.code.matchAll(/\bnpm (?:i|install) ([^\n#]+)/g)) {
    for (const name of list.split(/\s+/).filter((word) => word && !word.startsWith('-'))) {
      const known =
        name === 'nestjs-authentify' ||
        ['', 'docs/'].some((folder) => existsSync(`${ROOT}${folder}node_modules/${name}`));
      if (!known) problem(block, `the package ${name} is not among those this repository installs`);
    }
  }
}

/** In text as well as in blocks. */
function scriptsExist(where, text) {
  for (const [, run, short] of text.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)) {
    if (!(run ?? short in scripts) || (run && !(run in scripts))) problem(where, `there is no script ${run ?? short}`);
  }
}

async function parsesAsGraphql(block) {
  const { parse } = await import('graphql');
  parse(block.code);
}

const CHECKS = {
  json: (block) => JSON.parse(block.code),
  yaml: (block) => parseYaml(block.code),
  python: parsesAsPython,
  sh: commandsExist,
  bash: commandsExist,
  graphql: parsesAsGraphql,
  // Pictures made of letters, and what a terminal shows.
  text: () => {},
  // Transcripts, which run-start.mjs replays.
  console: () => {},
  '': (block) => problem(block, 'a code block needs a language; pictures and output have "text"'),
};

// --- All of it

rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK, { recursive: true });
const compiled = [];
for (const path of pages()) {
  if (!isGenerated(path)) scriptsExist({ path, line: 1 }, read(path));
  for (const block of blocksOf(path)) {
    const kind = /^[tj]sx?$/.test(block.language) ? 'code' : block.language;
    const label = block.reason
      ? 'left out, with a reason'
      : isGenerated(path)
        ? `${block.language} of doc comments`
        : block.language;
    counts[label] = (counts[label] ?? 0) + 1;
    if (block.reason !== null) {
      if (block.reason.length < 10) problem(block, 'say why it is not compiled');
    } else if (kind === 'code' && isGenerated(path)) {
      parses(block);
    } else if (kind === 'code') {
      compiled.push(block);
    } else if (CHECKS[kind]) {
      try {
        await CHECKS[kind](block);
      } catch (error) {
        problem(block, error.message);
      }
    } else {
      problem(block, `no check for "${block.language}" blocks`);
    }
  }
}
placeAll(compiled);
compile();

console.log(
  `code blocks: ${Object.entries(counts)
    .map(([label, count]) => `${count} ${label}`)
    .join(', ')}`,
);
for (const text of problems) console.error(text);
if (problems.length > 0) {
  console.error(`${problems.length} problems`);
  process.exit(1);
}
