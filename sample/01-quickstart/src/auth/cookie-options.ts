import type { AuthentifyOptions } from 'nestjs-authentify';

/**
 * In production nothing: the defaults are `__Host-` cookies, which a browser takes only over HTTPS and sends to this
 * very host alone. On a developer's plain http it would drop them, so there the cookies have common names and may
 * travel unencrypted. The library refuses to boot with any mixture of the two.
 */
export function cookieOptions(
  environment: string | undefined,
): Pick<AuthentifyOptions, 'authCookieNames' | 'refreshCookieName' | 'cookie'> {
  if (environment === 'production') return {};
  return { authCookieNames: ['token'], refreshCookieName: 'refresh-token', cookie: { secure: false } };
}
