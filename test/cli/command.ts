import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuthentifyOptions } from 'nestjs-authentify';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { type CompiledLibrary, compileLibrary, ROOT } from '../support/compiled.js';
import { createSharedDatabase, type TestDatabase } from '../support/database.js';
import type { User } from '../support/users.js';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** An app's database, and the command line as it would be published. */
export class CommandLine {
  private options: string[] = ['--default-options'];

  private constructor(
    readonly library: CompiledLibrary,
    readonly database: TestDatabase,
    readonly t: TestApp,
  ) {}

  static async start(setup: Setup = {}): Promise<CommandLine> {
    const [library, database] = await Promise.all([compileLibrary(), createSharedDatabase()]);
    const t = await startApp({ ...setup, dataSource: database.options });
    return new CommandLine(library, database, t);
  }

  /** Writes the app's options into the file that commands read from now on. */
  async useOptions(options: AuthentifyOptions<User> & { guardAllRoutes?: boolean }): Promise<void> {
    await this.useOptionsFile(`export const options = ${JSON.stringify(options)};\n`);
  }

  /** The same, for options that are more than JSON; the file stands beside the compiled library's `index.js`. */
  async useOptionsFile(source: string): Promise<void> {
    const file = join(this.library.directory, 'authentify.options.js');
    await writeFile(file, source);
    this.options = ['--options', file];
  }

  /** Runs a command on the app's data source and options. */
  run(name: string, ...args: string[]): Promise<CommandResult> {
    return this.raw([name, '--data-source', 'test/support/data-source.mjs', ...this.options, ...args]);
  }

  /** Runs a command with other options of the data source. */
  runOn(dataSource: object, name: string, ...args: string[]): Promise<CommandResult> {
    return this.raw([name, '--data-source', 'test/support/data-source.mjs', ...this.options, ...args], dataSource);
  }

  async json<T>(name: string, ...args: string[]): Promise<T> {
    const { stdout } = await this.run(name, '--json', ...args);
    return JSON.parse(stdout) as T;
  }

  /** @param stdout whether somebody reads it; `unread` is closed before anything is written. */
  raw(
    args: string[],
    dataSource: object = this.database.options,
    stdout: 'read' | 'unread' = 'read',
  ): Promise<CommandResult> {
    const env = {
      ...process.env,
      AUTHENTIFY_TEST_LIBRARY: this.library.url,
      AUTHENTIFY_TEST_DATA_SOURCE: JSON.stringify(dataSource),
    };
    const main = join(this.library.directory, 'cli/main.js');
    const child = spawn(process.execPath, [main, ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    if (stdout === 'unread') child.stdout.destroy();
    child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? -1, ...output }));
    });
  }

  async stop(): Promise<void> {
    await this.t.close();
    await this.database.drop();
    await this.library.remove();
  }
}
