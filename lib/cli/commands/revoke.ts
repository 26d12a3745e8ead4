import { UsageError } from '../failure.js';
import { count, print } from '../output.js';
import { type AppFlags, withRegistration } from '../registration.js';

export interface RevokeFlags extends AppFlags {
  id?: string;
  user?: string;
}

/** `authentify revoke`: ends one session, or all sessions of a user; one that has already ended is not an error. */
export async function revoke(flags: RevokeFlags): Promise<void> {
  const { id, user } = flags;
  if ((id === undefined) === (user === undefined)) throw new UsageError('Use either --id or --user');
  await withRegistration(flags, async ({ tokens }) => {
    const ended =
      user === undefined ? await tokens.revokeToken({ id: id ?? '' }) : await tokens.revokeAllUserTokens(user);
    print({ json: { ended }, text: `Ended ${count(ended, 'session')}` }, flags);
  });
}
