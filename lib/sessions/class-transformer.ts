import { AbstractAuthToken, NEVER_SHOWN, SHOWN } from './entities/abstract-auth-token.js';
import { IssuedTokens } from './issued-tokens.js';

const ISSUED = ['accessToken', 'refreshToken', 'expiresAt', 'refreshUntil'];

/** Once for a process, however many registrations it has. */
let described: Promise<void> | undefined;

/**
 * Tells class-transformer, where the app has it, what tokens show: the same as their `toJSON`, also with the strategy
 * `excludeAll`, and no user that the app's own query has joined. Columns of the app follow its own decorators.
 */
export function describeToClassTransformer(): Promise<void> {
  described ??= describe();
  return described;
}

async function describe(): Promise<void> {
  try {
    const { Exclude, Expose } = await import('class-transformer');
    const [exclude, expose] = [Exclude({ toPlainOnly: true }), Expose({ toPlainOnly: true })];
    for (const name of SHOWN) expose(AbstractAuthToken.prototype, name);
    for (const name of NEVER_SHOWN) exclude(AbstractAuthToken.prototype, name);
    for (const name of ISSUED) expose(IssuedTokens.prototype, name);
    exclude(IssuedTokens.prototype, 'token');
  } catch {
    // The app does not have it, so nobody serialises with it.
  }
}
