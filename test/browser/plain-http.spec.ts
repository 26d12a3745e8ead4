import type { AuthentifyOptions } from 'nestjs-authentify';
import { describe, expect, it } from 'vitest';
import type { User } from '../support/users.js';
import { useStage } from './support/stage.js';
import { SIBLING } from './support/victim.js';

const PLAIN: AuthentifyOptions<User> = {
  authCookieNames: ['token'],
  refreshCookieName: 'refresh-token',
  cookie: { secure: false },
};

describe('plain HTTP with the default cookies', () => {
  const stage = useStage({}, { tls: false });
  const statusAt = async (origin: string): Promise<number> => {
    const page = await stage.browser.newPage();
    await stage.victim.logIn(page, origin);
    const answer = stage.victim.answerTo('/me');
    await page.evaluate("fetch('/me')");
    return (await answer).status;
  };

  it('works in Chromium at localhost and 127.0.0.1, which it trusts', async () => {
    expect(await statusAt(stage.victim.url)).toBe(200);
    expect(await statusAt(stage.victim.url.replace('127.0.0.1', 'localhost'))).toBe(200);
  });

  it('does not under any other name: the browser drops the cookies', async () => {
    expect(await statusAt(stage.victim.origin)).toBe(401);
  });
});

describe.each([
  { defence: 'csrf: false', options: { ...PLAIN, csrf: false as const }, status: 200, acts: ['transfer by alice'] },
  { defence: 'the check', options: PLAIN, status: 403, acts: [] },
])('R54: plain HTTP, where browsers send no Sec-Fetch-Site, with $defence', ({ options, status, acts }) => {
  const stage = useStage(options, { tls: false });

  it('works with the options of plain HTTP', async () => {
    const page = await stage.browser.newPage();
    await stage.victim.logIn(page);
    const answer = stage.victim.answerTo('/transfer');
    await page.evaluate("fetch('/transfer', { method: 'POST' })");
    expect((await answer).status).toBe(200);
  });

  it(`a form of a sibling host gets a ${status}`, async () => {
    const { browser, attacker, victim } = stage;
    const page = await browser.newPage();
    await victim.logIn(page);
    const form = `<form method="post" action="${victim.origin}/transfer"></form>`;
    attacker.serves({ html: `${form}<script>document.forms[0].submit()</script>` });
    const answer = victim.answerTo('/transfer');
    await page.goto(attacker.at(SIBLING), { waitUntil: 'commit' });
    expect([(await answer).status, victim.bank.acts]).toEqual([status, acts]);
  });
});
