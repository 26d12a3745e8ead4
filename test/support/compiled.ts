import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
// Below the repository, so that what is compiled finds its dependencies.
const BUILD = join(ROOT, 'build');
const DAY = 86_400_000;

/** The library as it would be published, for processes of their own. */
export interface CompiledLibrary {
  directory: string;
  /** The address of its index. */
  url: string;
}

let compiled: Promise<CompiledLibrary> | undefined;

/** Compiles what `lib` holds, unless another suite did so before, or an earlier run. */
export function compileLibrary(): Promise<CompiledLibrary> {
  compiled ??= compileOnce();
  return compiled;
}

/** A folder for files of a suite's own that import what the library imports. */
export async function makeFolder(): Promise<string> {
  await mkdir(BUILD, { recursive: true });
  return mkdtemp(join(BUILD, 'files-'));
}

async function compileOnce(): Promise<CompiledLibrary> {
  const directory = join(BUILD, `library-${await fingerprint()}`);
  if (!existsSync(directory)) {
    const fresh = await makeFolder();
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    // Types are checked elsewhere, once.
    const flags = ['-p', 'tsconfig.build.json', '--outDir', fresh, '--declaration', 'false', '--noCheck'];
    await promisify(execFile)(process.execPath, [tsc, ...flags], { cwd: ROOT });
    // Another process may have been faster.
    await rename(fresh, directory).catch(() => rm(fresh, { recursive: true }));
    await removeOldOnes();
  }
  return { directory, url: pathToFileURL(join(directory, 'index.js')).href };
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const sources = (await readdir(join(ROOT, 'lib'), { recursive: true }))
    .filter((name) => name.endsWith('.ts'))
    .toSorted();
  for (const name of ['../tsconfig.json', '../tsconfig.build.json', ...sources]) {
    hash.update(`${name}\n`).update(await readFile(join(ROOT, 'lib', name)));
  }
  return hash.digest('hex').slice(0, 16);
}

async function removeOldOnes(): Promise<void> {
  for (const name of await readdir(BUILD)) {
    const path = join(BUILD, name);
    if (!/^(?:library|files)-/.test(name)) continue;
    if (Date.now() - (await stat(path)).mtimeMs > DAY) await rm(path, { recursive: true, force: true });
  }
}
