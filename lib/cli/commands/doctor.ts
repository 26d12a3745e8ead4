import type { ServerHealth, StoreHealth } from '../../store/health.js';
import { CHANGE_TABLE } from '../../store/table-schema.js';
import { ExitCode } from '../failure.js';
import { type Finding, optionFindings } from '../option-findings.js';
import { count, print } from '../output.js';
import { type AppFlags, type OpenedRegistration, withRegistration } from '../registration.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** `authentify doctor`: checks options, database and table; exits with 1 if there are findings, not only notes. */
export async function doctor(flags: AppFlags): Promise<void> {
  const check = async ({ options, health }: OpenedRegistration): Promise<void> => {
    const server = await health.server();
    const findings = [...optionFindings(options), ...serverFindings(server), ...(await tableFindings(health))];
    const notes = notesOn(server);
    const summary = findings.length === 0 ? 'Nothing to change' : `${count(findings.length, 'thing')} to change`;
    const text = [...findings.map(describe), ...notes.map((note) => `Note: ${describe(note)}`), summary].join('\n');
    print({ json: { findings, notes }, text }, flags);
    if (findings.length > 0) process.exitCode = ExitCode.FAILED;
  };
  await withRegistration(flags, check, { checkSchema: false });
}

function describe({ subject, problem, remedy, source }: Finding): string {
  return `${subject} ${problem}${source === undefined ? '' : ` (${source})`}.\n  → ${remedy}`;
}

function serverFindings({ isReadOnly, splittingProxy }: ServerHealth): Finding[] {
  const findings: Finding[] = [];
  if (isReadOnly) {
    findings.push({
      subject: 'The database server',
      problem: 'is read-only: nobody can log in or be logged out',
      remedy: 'connect the data source to the primary',
    });
  }
  if (splittingProxy !== undefined) {
    findings.push({
      subject: 'sqlComment',
      problem: `is not set behind ${splittingProxy}: a replica that is behind accepts sessions that were revoked`,
      remedy:
        "set it to the comment that this proxy understands, such as 'NO LOAD BALANCE', unless its rules send these reads to the primary",
    });
  }
  return findings;
}

/** Notes concern only the app's own queries of sessions: nothing here changes an outcome of the library. */
function notesOn({ cachesAllQueries, hasReplicas, foldingColumns }: ServerHealth): Finding[] {
  const notes: Finding[] = [];
  if (cachesAllQueries) {
    notes.push({
      subject: 'cache',
      problem: 'of the data source answers all queries, including those of TokenRepository; the library never uses it',
      remedy: 'add .cache(false) to queries of sessions that must be up to date',
    });
  }
  if (hasReplicas) {
    notes.push({
      subject: 'replication',
      problem:
        'of the data source sends the queries of TokenRepository to replicas; the library reads from the primary',
      remedy: 'do not use these queries for access decisions',
    });
  }
  const folding = foldingColumns.map((subject) => ({
    subject,
    problem: 'has a collation that treats different texts as equal; queries by it are slower',
    remedy: 'give the column the collation "C"',
  }));
  return [...notes, ...folding];
}

/** Use of indexes and overdue rows are checked only in a table that fits its entity. */
async function tableFindings(health: StoreHealth): Promise<Finding[]> {
  const misfits = await schemaFindings(health);
  return misfits.length > 0 ? misfits : [...(await indexFindings(health)), ...(await overdueFindings(health))];
}

async function schemaFindings(health: StoreHealth): Promise<Finding[]> {
  const { faults, missingIndexes, ownerWithoutCascade } = await health.schema();
  const indexes = missingIndexes.map(({ columns, isUnique }) => ({
    subject: columns.join(),
    problem: `lacks its ${isUnique ? 'unique ' : ''}index`,
    remedy: CHANGE_TABLE,
  }));
  if (ownerWithoutCascade === undefined) return [...faults, ...indexes];
  // The next user with the key of a deleted one would inherit the sessions (R51).
  const owner = {
    subject: ownerWithoutCascade,
    problem: 'has no foreign key with ON DELETE CASCADE',
    remedy: CHANGE_TABLE,
    source: 'ASVS 7.4.2',
  };
  return [...faults, ...indexes, owner];
}

async function indexFindings(health: StoreHealth): Promise<Finding[]> {
  return (await health.unusedIndexes()).map((subject) => ({
    subject,
    problem: 'has an index that the database does not use',
    remedy: 'rebuild it, and make sure that the column has the type of the entity',
  }));
}

async function overdueFindings(health: StoreHealth): Promise<Finding[]> {
  const overdue = await health.due(Date.now() - DAY_MS);
  if (overdue === 0) return [];
  return [
    {
      subject: health.tableName,
      problem: `holds ${overdue} sessions that could have been pruned a day ago`,
      remedy: 'set pruneSchedule, or run authentify prune every hour',
      source: 'ASVS 14.2.7',
    },
  ];
}
