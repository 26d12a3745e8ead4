import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CompiledLibrary, compileLibrary, makeFolder, ROOT } from '../support/compiled.js';
import { createSharedDatabase, type TestDatabase } from '../support/database.js';

let library: CompiledLibrary;
let database: TestDatabase;
let migrations: string;

beforeAll(async () => {
  library = await compileLibrary();
  database = await createSharedDatabase();
  migrations = await makeFolder();
});
afterAll(async () => {
  await database.drop();
  await rm(migrations, { recursive: true });
});

/** Runs TypeORM's own command line on compiled JavaScript. */
function typeorm(...args: string[]): Promise<{ code: number; output: string }> {
  const env = {
    ...process.env,
    AUTHENTIFY_TEST_LIBRARY: library.url,
    AUTHENTIFY_TEST_DATA_SOURCE: JSON.stringify({ ...database.options, migrations: [join(migrations, '*.js')] }),
  };
  const cli = [join(ROOT, 'node_modules/typeorm/cli.js'), ...args, '-d', 'test/support/data-source.mjs'];
  return new Promise((resolve) => {
    execFile(process.execPath, cli, { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: stdout + stderr });
    });
  });
}

describe('a migration that TypeORM generates', () => {
  it('is written, runs, leaves nothing to change, and can be reverted', { timeout: 120_000 }, async () => {
    const generated = await typeorm('migration:generate', join(migrations, 'auth-tokens'), '--outputJs', '--esm');
    expect(generated.output).toContain('has been generated successfully');

    const run = await typeorm('migration:run');
    expect(run).toMatchObject({ code: 0, output: expect.stringContaining('has been executed successfully') });

    const again = await typeorm('migration:generate', join(migrations, 'nothing'), '--check');
    expect(again).toMatchObject({
      code: 0,
      output: expect.stringContaining('No changes in database schema were found'),
    });

    const reverted = await typeorm('migration:revert');
    expect(reverted).toMatchObject({ code: 0, output: expect.stringContaining('has been reverted successfully') });
  });
});
