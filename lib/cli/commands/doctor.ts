import type { Finding } from '../doctor/finding.js';
import { optionFindings } from '../doctor/option-findings.js';
import { tableFindings } from '../doctor/table-findings.js';
import { ExitCode } from '../failure.js';
import { count, print } from '../output.js';
import { type AppFlags, type SessionStore, withSessionStore } from '../session-store.js';

/** `authentify doctor`: what to change about options and table; exits with 1 where there is anything. */
export async function doctor(flags: AppFlags): Promise<void> {
  const check = async (store: SessionStore): Promise<void> => {
    const findings = [...optionFindings(store.options), ...(await tableFindings(store))];
    const summary = findings.length === 0 ? 'Nothing to change' : `${count(findings.length, 'thing')} to change`;
    print({ json: { findings }, text: [...findings.map(describe), summary].join('\n') }, flags);
    if (findings.length > 0) process.exitCode = ExitCode.FAILED;
  };
  await withSessionStore(flags, check, { checkSchema: false });
}

function describe({ subject, problem, remedy, source }: Finding): string {
  return `${subject} ${problem}${source === undefined ? '' : ` (${source})`}.\n  → ${remedy}`;
}
