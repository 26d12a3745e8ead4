import type { AuthentifyOptions } from 'nestjs-authentify';

/** In production nothing: `__Host-token` and `__Host-staff-token`. On plain http browsers keep no `__Host-` cookie. */
export function cookieOptions(
  prefix: string,
): Pick<AuthentifyOptions, 'authCookieNames' | 'refreshCookieName' | 'cookie'> {
  if (process.env.NODE_ENV === 'production') return {};
  return {
    authCookieNames: [`${prefix}token`],
    refreshCookieName: `${prefix}refresh-token`,
    cookie: { secure: false },
  };
}
