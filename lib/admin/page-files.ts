import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('./page/', import.meta.url);

/**
 * The texts of the page's files, by name. The build writes them down in the place of this module: a test runner that
 * compiles to CommonJS knows no `import.meta`, and a bundler leaves folders behind.
 */
export const PAGE_FILES: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]),
);
