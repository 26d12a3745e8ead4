import { databaseFindings } from '../doctor/database-findings.js';
import type { Finding } from '../doctor/finding.js';
import { optionFindings } from '../doctor/option-findings.js';
import { tableFindings } from '../doctor/table-findings.js';
import { ExitCode } from '../failure.js';
import { count, print } from '../output.js';
import { type AppFlags, type OpenedRegistration, withRegistration } from '../registration.js';

/** `authentify doctor`: what to change about options, database and table; exits with 1 where there is more than notes. */
export async function doctor(flags: AppFlags): Promise<void> {
  const check = async (store: OpenedRegistration): Promise<void> => {
    const database = await databaseFindings(store);
    const findings = [...optionFindings(store.options), ...database.findings, ...(await tableFindings(store))];
    const { notes } = database;
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
