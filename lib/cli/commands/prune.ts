import { count, print, withProgress } from '../output.js';
import { type AppFlags, withRegistration } from '../registration.js';

/** `authentify prune`: runs the prune job once; safe while other instances prune. */
export async function prune(flags: AppFlags): Promise<void> {
  await withRegistration(flags, async ({ tokens, health }) => {
    const now = Date.now();
    const left = (): Promise<number> => health.due(now);
    const started = performance.now();
    const pruned = await withProgress({ total: await left(), left }, () => tokens.revokeExpiredTokens());
    const seconds = Math.round(performance.now() - started) / 1_000;
    print({ json: { pruned, seconds }, text: `Pruned ${count(pruned, 'session')} in ${seconds} s` }, flags);
  });
}
