import { parseCookie } from 'cookie';
import type { AuthentifyOptions } from 'nestjs-authentify';
import { describe, expect, it } from 'vitest';
import type { User } from '../support/users.js';
import { useStage } from './support/stage.js';
import { SIBLING } from './support/victim.js';

const COMMON_NAMES: AuthentifyOptions<User> = { authCookieNames: ['token'], refreshCookieName: 'refresh-token' };

describe.each([
  { defence: 'common names', name: 'token', options: COMMON_NAMES },
  { defence: '__Host- names', name: '__Host-token', options: {} },
])('R13, R57: cookies planted by a sibling host, with $defence', ({ name, options }) => {
  const stage = useStage(options);
  const isCommon = options === COMMON_NAMES;

  /** Has the sibling plant a cookie for the whole domain, by its answer and by its script, and sends a transfer. */
  async function transferAfter(path: string, { loggedIn = false } = {}) {
    const { browser, attacker, victim } = stage;
    const page = await browser.newPage();
    victim.bank.acts = [];
    if (loggedIn) await victim.logIn(page);
    const planted = `${name}=${victim.malloryTokens.accessToken}; Domain=example.test; Path=${path}; Secure`;
    attacker.serves({ html: `<script>document.cookie = '${planted}'</script>`, cookies: [planted] });
    await page.goto(attacker.at(SIBLING));
    await page.goto(victim.origin);
    const answer = victim.answerTo('/transfer');
    await page.evaluate("fetch('/transfer', { method: 'POST' })");
    const { status, cookies } = await answer;
    return { status, cookies, acts: victim.bank.acts };
  }

  it(`a user who is not logged in ${isCommon ? 'acts' : 'does not act'} as the attacker`, async () => {
    const { status, acts } = await transferAfter('/');
    expect([status, acts]).toEqual(isCommon ? [200, ['transfer by mallory']] : [401, []]);
  });

  it(`a user who is logged in ${isCommon ? 'is locked out, where others would take the first' : 'is not disturbed'}`, async () => {
    // Browsers send the cookie with the longer path first.
    const { status, cookies, acts } = await transferAfter('/transfer', { loggedIn: true });
    const firstWins = parseCookie(cookies)[name] === stage.victim.malloryTokens.accessToken;
    expect(firstWins).toBe(isCommon);
    expect([status, acts]).toEqual(isCommon ? [401, []] : [200, ['transfer by alice']]);
  });
});
