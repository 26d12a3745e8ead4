import type { IssuedTokens } from 'nestjs-authentify';
import { type Answer, bearer, type Message, send } from '../requests/client.js';

export const JSON_TYPE = { 'Content-Type': 'application/json' };

/** Both cookies of a session, as a browser sends them. */
export const cookiesOf = ({ accessToken, refreshToken }: Pick<IssuedTokens, 'accessToken' | 'refreshToken'>) => ({
  Cookie: `__Host-token=${accessToken}; __Host-refresh-token=${refreshToken}`,
});

/** The tokens that an answer put into cookies. */
export function tokensInCookies({ cookies }: Answer) {
  const valueOf = (name: string) => cookies.find((line) => line.startsWith(`${name}=`))?.split(/[=;]/)[1] ?? '';
  return { accessToken: valueOf('__Host-token'), refreshToken: valueOf('__Host-refresh-token') };
}

/** The session routes under an address, called as a client of either transport calls them. */
export function sessionClient(base: string) {
  const call = (method: string, path: string, message: Message = {}) => send(`${base}/${path}`, { method, ...message });
  return {
    call,
    refresh: (refreshToken: unknown, headers: Record<string, string> = {}) =>
      call('POST', 'refresh', { headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify({ refreshToken }) }),
    refreshByCookie: (
      tokens: Pick<IssuedTokens, 'accessToken' | 'refreshToken'>,
      headers: Record<string, string> = {},
    ) => call('POST', 'refresh', { headers: { ...cookiesOf(tokens), ...headers } }),
    /** What a session presents to all other routes. */
    credentials: (tokens: IssuedTokens): Record<string, string> =>
      tokens.token.authType === 'header' ? bearer(tokens.accessToken) : cookiesOf(tokens),
  };
}
