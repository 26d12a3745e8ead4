import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The library as it would be published, for processes of their own. */
export interface CompiledLibrary {
  directory: string;
  /** What to import. */
  url: string;
  remove(): Promise<void>;
}

export async function compileLibrary(): Promise<CompiledLibrary> {
  // Below the repository, so that the compiled library finds its dependencies.
  await mkdir(join(ROOT, 'build'), { recursive: true });
  const directory = await mkdtemp(join(ROOT, 'build/library-'));
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  // Types are checked elsewhere, once.
  const flags = ['-p', 'tsconfig.build.json', '--outDir', directory, '--declaration', 'false', '--noCheck'];
  await promisify(execFile)(process.execPath, [tsc, ...flags], { cwd: ROOT });
  return {
    directory,
    url: pathToFileURL(join(directory, 'index.js')).href,
    remove: () => rm(directory, { recursive: true }),
  };
}
