import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AuthentifyOptions } from 'nestjs-authentify';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { type CompiledLibrary, compileLibrary, makeFolder, ROOT } from '../support/compiled.js';
import { createSharedDatabase, type TestDatabase } from '../support/database.js';
import type { User } from '../support/users.js';

export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** The file of the app's data source, from the root of the repository. */
const DATA_SOURCE = 'test/support/data-source.mjs';
/** The arguments that name it. */
export const ON_DATA_SOURCE = ['--data-source', DATA_SOURCE];

/** An app's database, and the command line as it would be published. */
export class CommandLine {
  private options: string[] = ['--default-options'];
  private files = 0;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly library: CompiledLibrary,
    private readonly folder: string,
    private readonly commands: ChildProcess,
    readonly database: TestDatabase,
    readonly t: TestApp,
  ) {}

  static async start(setup: Setup = {}): Promise<CommandLine> {
    const [library, database, folder] = await Promise.all([compileLibrary(), createSharedDatabase(), makeFolder()]);
    const env = { ...process.env, AUTHENTIFY_TEST_LIBRARY: library.url };
    const script = fileURLToPath(new URL('commands.mjs', import.meta.url));
    const commands = fork(script, [library.directory], { cwd: ROOT, env, execArgv: [] });
    const [t] = await Promise.all([startApp({ ...setup, dataSource: database.options }), once(commands, 'message')]);
    return new CommandLine(library, folder, commands, database, t);
  }

  /** A file of the app with this content. */
  async file(name: string, content: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, content);
    return path;
  }

  /** Writes the app's options into the file that commands read from now on. */
  async useOptions(options: AuthentifyOptions<User> & { guardAllRoutes?: boolean }): Promise<void> {
    await this.useOptionsFile(`export const options = ${JSON.stringify(options)};\n`);
  }

  /** The same, for options that are more than JSON. */
  async useOptionsFile(source: string): Promise<void> {
    this.options = ['--options', await this.file(`options-${(this.files += 1)}.mjs`, source)];
  }

  /** Runs a command on the app's data source and options. */
  run(name: string, ...args: string[]): Promise<CommandResult> {
    return this.raw(this.onApp(name, args));
  }

  /** Runs a command with other options of the data source. */
  runOn(dataSource: object, name: string, ...args: string[]): Promise<CommandResult> {
    return this.raw(this.onApp(name, args), dataSource);
  }

  async json<T>(name: string, ...args: string[]): Promise<T> {
    const { stdout } = await this.run(name, '--json', ...args);
    return JSON.parse(stdout) as T;
  }

  /** Runs a command of these arguments, after those before it. */
  raw(args: string[], dataSource: object = this.database.options): Promise<CommandResult> {
    const result = this.last.then(() => this.ask(args, dataSource));
    this.last = result.catch(() => {});
    return result;
  }

  private async ask(args: string[], dataSource: object): Promise<CommandResult> {
    // The process reads a file once, and a data source is over with its command.
    const copy = join(this.folder, `data-source-${(this.files += 1)}.mjs`);
    await copyFile(join(ROOT, DATA_SOURCE), copy);
    this.commands.send({ args: args.map((argument) => (argument === DATA_SOURCE ? copy : argument)), dataSource });
    const [result] = (await once(this.commands, 'message')) as [CommandResult];
    return result;
  }

  /**
   * Runs a command on the app's data source and options in a process of its own, as a shell does.
   *
   * @param stdout whether somebody reads it; `unread` is closed before anything is written.
   */
  spawn(name: string, args: string[] = [], stdout: 'read' | 'unread' = 'read'): Promise<CommandResult> {
    const env = {
      ...process.env,
      AUTHENTIFY_TEST_LIBRARY: this.library.url,
      AUTHENTIFY_TEST_DATA_SOURCE: JSON.stringify(this.database.options),
    };
    const command = [join(this.library.directory, 'cli/main.js'), ...this.onApp(name, args)];
    const child = spawn(process.execPath, command, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
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
    const gone = once(this.commands, 'exit');
    this.commands.disconnect();
    await gone;
    await this.t.close();
    await this.database.drop();
    await rm(this.folder, { recursive: true });
  }

  private onApp(name: string, args: string[]): string[] {
    return [name, ...ON_DATA_SOURCE, ...this.options, ...args];
  }
}
