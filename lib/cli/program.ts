import { createRequire } from 'node:module';
import { Command, InvalidArgumentError, Option } from 'commander';
import { AuthType } from '../sessions/auth-type.js';
import { SESSION_STATES } from '../sessions/state.js';
import type { IssueFlags } from './commands/issue.js';
import type { ListFlags } from './commands/list.js';
import type { RevokeFlags } from './commands/revoke.js';
import type { AppFlags } from './registration.js';

const { version } = createRequire(import.meta.url)('nestjs-authentify/package.json') as { version: string };

const EXIT_CODES = `
Exit codes: 0 done, 1 failed or something found, 2 wrong usage, 3 the database does not answer.
`;

/** The commands and their flags. A command is loaded when it runs, so that help appears immediately. */
export function createProgram(): Command {
  const program = new Command('authentify')
    .description('Manages the sessions of an app that uses nestjs-authentify.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(use --help for more information)')
    .addHelpText('after', EXIT_CODES);

  command(program, 'prune', 'delete expired sessions').action(async (flags: AppFlags) =>
    (await import('./commands/prune.js')).prune(flags),
  );
  command(program, 'list', 'list sessions, newest first')
    .option('--user <key>', 'only sessions of this user (primary key)')
    .addOption(new Option('--state <state>', 'only sessions in this state').choices(SESSION_STATES))
    .option('--limit <number>', 'maximum number of sessions', wholeNumber, 50)
    .option('--after <id>', 'continue after this session id, the last one of the previous page')
    .action(async (flags: ListFlags) => (await import('./commands/list.js')).list(flags));
  command(program, 'issue', 'log a user in and print only the access token to stdout')
    .requiredOption('--user <key>', 'the user (primary key)')
    .addOption(new Option('--type <type>', 'transport of the token').choices(Object.values(AuthType)).default('header'))
    .option('--context <json>', 'context of the session')
    .option('--expires-in <duration>', 'lifetime of the access token, such as 15m')
    .action(async (flags: IssueFlags) => (await import('./commands/issue.js')).issue(flags));
  command(program, 'revoke', 'end one session, or all sessions of a user')
    .option('--id <id>', 'id of the session')
    .option('--user <key>', 'all sessions of this user (primary key)')
    .action(async (flags: RevokeFlags) => (await import('./commands/revoke.js')).revoke(flags));
  command(program, 'doctor', 'check options and database, and suggest changes').action(async (flags: AppFlags) =>
    (await import('./commands/doctor.js')).doctor(flags),
  );
  return program;
}

/** A command with the flags that all commands share. */
function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .requiredOption('--data-source <file>', "compiled file that exports the app's DataSource, as for the TypeORM CLI")
    .option('--options <file>', "compiled file that exports the app's options for AuthentifyModule")
    .option('--default-options', 'use the default options, if the app passes none')
    .option('--entity <name>', 'class name of the token entity, if there are several')
    .option('--json', 'print JSON');
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
  return Number(text);
}
