import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASE } from '../support/database.js';
import { CommandLine, ON_DATA_SOURCE } from './command.js';

const PASSWORD = 'hunter2-hunter2-hunter2';

let cli: CommandLine;

beforeAll(async () => {
  cli = await CommandLine.start();
});
afterAll(() => cli.stop());

/** What comes before any database is the same with all of them. */
const itOnce = it.runIf(DATABASE === 'sqljs');

describe('the command line', () => {
  itOnce('explains itself and its commands', async () => {
    const help = await cli.raw(['--help']);
    expect(help.code).toBe(0);
    for (const word of ['prune', 'list', 'issue', 'revoke', 'doctor', 'Exit codes'])
      expect(help.stdout).toContain(word);
    expect((await cli.raw(['list', '--help'])).stdout).toContain('--state');
    expect((await cli.raw(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });

  itOnce.each([
    ['an unknown command', ['purge', ...ON_DATA_SOURCE], 'purge'],
    ['an unknown flag', ['prune', ...ON_DATA_SOURCE, '--force'], '--force'],
    ['no data source', ['prune', '--default-options'], '--data-source'],
    ['no word about options', ['prune', ...ON_DATA_SOURCE], '--default-options'],
    ['a data source that is not there', ['prune', '--data-source', 'nowhere.js', '--default-options'], 'nowhere.js'],
    [
      'a file without data source',
      ['prune', '--data-source', 'vitest.config.ts', '--default-options'],
      'vitest.config.ts',
    ],
    [
      'an entity that is not there',
      ['prune', ...ON_DATA_SOURCE, '--default-options', '--entity', 'Nobody'],
      'AuthToken',
    ],
  ])('says what is wrong with %s, and exits with 2', async (_, args, word) => {
    const { code, stdout, stderr } = await cli.raw(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(word);
    expect(stderr).not.toContain('    at ');
  });

  itOnce(
    'takes the options from an object or a function, in CommonJS too, and refuses wrong ones',
    async () => {
      const good = [
        await cli.file('object.mjs', 'export default { userEntity: class {}, tokenTtl: "1h" };'),
        await cli.file('function.mjs', 'export const options = async () => ({ tokenTtl: "1h" });'),
        await cli.file('common.cjs', 'exports.__esModule = true; exports.default = { tokenTtl: "1h" };'),
        await cli.file('plain.cjs', 'module.exports = { tokenTtl: "1h" };'),
      ];
      const answers = await Promise.all(
        good.map((options) => cli.raw(['list', ...ON_DATA_SOURCE, '--options', options])),
      );
      for (const answer of answers) expect(answer).toMatchObject({ code: 0, stderr: '' });
      const wrong = await cli.file('wrong.mjs', `export default { hashSecrets: ["short-${PASSWORD.slice(0, 7)}"] };`);
      const refused = await cli.raw(['list', ...ON_DATA_SOURCE, '--options', wrong]);
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('hashSecrets') });
      expect(refused.stderr).not.toContain('short-');
    },
    90_000,
  );

  itOnce.each([
    [
      'TypeScript',
      'source.ts',
      'enum One { Two }; export default One;',
      /: (?!it throws).+\. Compile .*dist\/data-source\.js/,
    ],
    ['a folder as a module', 'folder.mjs', "import './';", /irectory/],
  ])('says why Node cannot load %s', async (_, name, content, reason) => {
    const { code, stderr } = await cli.raw([
      'prune',
      '--data-source',
      await cli.file(name, content),
      '--default-options',
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(reason);
  });

  itOnce('does not repeat what a failing file of the app says, which may hold a secret', async () => {
    const failing = await cli.file('failing.mjs', `throw new Error('cannot reach postgres://app:${PASSWORD}@db');`);
    const { code, stderr } = await cli.raw(['prune', '--data-source', failing, '--default-options']);
    expect(code).toBe(2);
    expect(stderr).toContain('it throws Error');
    expect(stderr).not.toContain(PASSWORD);
  });

  it.runIf(DATABASE !== 'sqljs')('exits with 3 where the database does not answer, without its password', async () => {
    const unreachable = { ...cli.database.options, port: 1, password: PASSWORD };
    const { code, stdout, stderr } = await cli.raw(['prune', ...ON_DATA_SOURCE, '--default-options'], unreachable);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toBe('The database does not answer (ECONNREFUSED)\n');
  });

  itOnce.each([
    ['list', 0],
    ['doctor', 1],
  ])('%s outlives a reader that goes early, as head does', async (name, code) => {
    const result = await cli.spawn(name, [], 'unread');
    expect(result).toEqual({ code, stdout: '', stderr: '' });
  });

  it('exits with 2 where the table is missing, and changes no table by itself', async () => {
    await cli.t.dataSource.dropDatabase();
    const eager = { ...cli.database.options, synchronize: true, dropSchema: true };
    const { code, stderr } = await cli.raw(['prune', ...ON_DATA_SOURCE, '--default-options'], eager);
    expect(code).toBe(2);
    expect(stderr).toMatch(/auth_tokens is .*run the migration that makes it/s);
  });
});
