import { prunable } from '../../store/last-deadline.js';
import { count, print } from '../output.js';
import { withProgress } from '../progress.js';
import { type AppFlags, type OpenedRegistration, withRegistration } from '../registration.js';

/** `authentify prune`: the prune job, once, as safe beside others as in the app. */
export async function prune(flags: AppFlags): Promise<void> {
  await withRegistration(flags, async ({ tokens, table }) => {
    const now = Date.now();
    const left = (): Promise<number> => dueOf(table, now);
    const started = performance.now();
    const pruned = await withProgress({ total: await left(), left }, () => tokens.revokeExpiredTokens());
    const seconds = Math.round(performance.now() - started) / 1_000;
    print({ json: { pruned, seconds }, text: `Pruned ${count(pruned, 'session')} in ${seconds} s` }, flags);
  });
}

export function dueOf(table: OpenedRegistration['table'], now: number): Promise<number> {
  return table.read((rows) => rows.where(prunable(now)).getCount());
}
