import type { AuthType } from '../../sessions/auth-type.js';
import { UsageError } from '../failure.js';
import { print } from '../output.js';
import { type AppFlags, withRegistration } from '../registration.js';

export interface IssueFlags extends AppFlags {
  user: string;
  type: AuthType;
  context?: string;
  expiresIn?: string;
}

/** `authentify issue`: logs a user in. Without `--json` there is no refresh token, because it would not be printed. */
export async function issue(flags: IssueFlags): Promise<void> {
  const options = {
    context: contextOf(flags.context),
    accessExpiresIn: flags.expiresIn,
    ...(flags.json ? {} : { refreshExpiresIn: null }),
  };
  await withRegistration(flags, async ({ tokens }) => {
    const issued =
      flags.type === 'cookie'
        ? await tokens.generateCookieToken(flags.user, options)
        : await tokens.generateHeaderToken(flags.user, options);
    const expiry = issued.token.expiresAt?.toISOString() ?? 'never';
    process.stderr.write(`Session ${issued.token.id}, expires: ${expiry}. The token is shown only once.\n`);
    print({ json: issued.toJSON(), text: issued.accessToken }, flags);
  });
}

function contextOf(json: string | undefined): Record<string, never> | undefined {
  if (json === undefined) return undefined;
  try {
    return JSON.parse(json) as Record<string, never>;
  } catch {
    throw new UsageError('--context must be JSON, such as \'{"device":"ci"}\'');
  }
}
