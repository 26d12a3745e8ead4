import { runStatement } from '../../tokens/database-errors.js';
import { prunable } from '../../tokens/last-deadline.js';
import { count, print } from '../output.js';
import { withProgress } from '../progress.js';
import { type AppFlags, type SessionStore, withSessionStore } from '../session-store.js';

/** `authentify prune`: the prune job, once, as safe beside others as in the app. */
export async function prune(flags: AppFlags): Promise<void> {
  await withSessionStore(flags, async (store) => {
    const now = Date.now();
    const left = (): Promise<number> => dueOf(store, now);
    const started = performance.now();
    const pruned = await withProgress({ total: await left(), left }, () => store.tokens.revokeExpiredTokens());
    const seconds = Math.round(performance.now() - started) / 1_000;
    print({ json: { pruned, seconds }, text: `Pruned ${count(pruned, 'session')} in ${seconds} s` }, flags);
  });
}

export function dueOf({ dataSource, rows }: Pick<SessionStore, 'dataSource' | 'rows'>, now: number): Promise<number> {
  return runStatement(dataSource, () => rows.createQueryBuilder('token').where(prunable(now)).getCount());
}
