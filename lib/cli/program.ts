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
Exit codes: 0 done, 1 failed or something found, 2 called wrongly, 3 the database does not answer.
`;

/** The commands and their flags; a command is loaded when it is called, so that help is there at once. */
export function createProgram(): Command {
  const program = new Command('authentify')
    .description('Looks after the sessions of an app that uses nestjs-authentify.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .addHelpText('after', EXIT_CODES);

  command(program, 'prune', 'clear away sessions that can never be used again').action(async (flags: AppFlags) =>
    (await import('./commands/prune.js')).prune(flags),
  );
  command(program, 'list', 'list sessions, newest first')
    .option('--user <key>', "one user's, by primary key")
    .addOption(new Option('--state <state>', 'in one state').choices(SESSION_STATES))
    .option('--limit <number>', 'at most so many', wholeNumber, 50)
    .option('--after <id>', 'go on after this session, the last one of the page before')
    .action(async (flags: ListFlags) => (await import('./commands/list.js')).list(flags));
  command(program, 'issue', 'log a user in and print the access token, and nothing else, to stdout')
    .requiredOption('--user <key>', 'whom, by primary key')
    .addOption(
      new Option('--type <type>', 'how the token will travel').choices(Object.values(AuthType)).default('header'),
    )
    .option('--context <json>', 'what the session remembers')
    .option('--expires-in <duration>', 'life of the access token, such as 15m')
    .action(async (flags: IssueFlags) => (await import('./commands/issue.js')).issue(flags));
  command(program, 'revoke', 'end one session, or all of a user')
    .option('--id <id>', 'the session, by its public id')
    .option('--user <key>', 'all sessions of this user, by primary key')
    .action(async (flags: RevokeFlags) => (await import('./commands/revoke.js')).revoke(flags));
  command(program, 'doctor', 'check options and table, and say what to change').action(async (flags: AppFlags) =>
    (await import('./commands/doctor.js')).doctor(flags),
  );
  return program;
}

/** What all commands share. */
function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .requiredOption('--data-source <file>', "compiled file that exports the app's DataSource, as for TypeORM")
    .option('--options <file>', "compiled file that exports the app's options for AuthentifyModule")
    .option('--default-options', 'the app passes no options')
    .option('--entity <name>', 'class of the token entity, where there are several')
    .option('--json', 'print JSON');
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
  return Number(text);
}
