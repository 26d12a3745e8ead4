import { LessThanOrEqual } from 'typeorm';
import { runStatement } from '../../tokens/database-errors.js';
import { count, print } from '../output.js';
import { withProgress } from '../progress.js';
import { type AppFlags, type SessionStore, withSessionStore } from '../session-store.js';

/** `authentify prune`: the prune job, once, as safe beside others as in the app. */
export async function prune(flags: AppFlags): Promise<void> {
  await withSessionStore(flags, async ({ tokens, rows }) => {
    const now = new Date();
    const left = (): Promise<number> => dueOf(rows, now);
    const started = performance.now();
    const pruned = await withProgress({ total: await left(), left }, () => tokens.revokeExpiredTokens());
    const seconds = Math.round(performance.now() - started) / 1_000;
    print({ json: { pruned, seconds }, text: `Pruned ${count(pruned, 'session')} in ${seconds} s` }, flags);
  });
}

export function dueOf(rows: SessionStore['rows'], now: Date): Promise<number> {
  return runStatement(() => rows.countBy({ pruneAt: LessThanOrEqual(now) }));
}
