import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('./page/', import.meta.url);

/**
 * The contents of the page's files, by name. The build replaces this module with the contents: a test runner that compiles
 * to CommonJS has no `import.meta`, and a bundler does not copy folders.
 */
export const PAGE_FILES: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(FOLDER).map((name) => [name, readFileSync(new URL(name, FOLDER), 'utf8')]),
);
