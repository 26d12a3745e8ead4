import type { AuthentifyOptions } from 'nestjs-authentify';

/**
 * In production nothing: the defaults are `__Host-` cookies. Chromium would take those at http://localhost too, but not
 * every browser does, and none under another name such as that of your machine in the office network, where you look
 * at the page with your phone. So for plain HTTP the cookies have common names and may travel unencrypted.
 */
export function cookieOptions(
  environment: string | undefined,
): Pick<AuthentifyOptions, 'authCookieNames' | 'refreshCookieName' | 'cookie'> {
  if (environment === 'production') return {};
  // All ports of localhost share their cookies: names of its own keep this sample apart from others.
  return { authCookieNames: ['browser-token'], refreshCookieName: 'browser-refresh', cookie: { secure: false } };
}
