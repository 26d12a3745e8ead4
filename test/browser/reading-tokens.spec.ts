import { describe, expect, it } from 'vitest';
import { fetchFrom } from './support/browser.js';
import { useStage } from './support/stage.js';

/** Everything a script in the page can get hold of. */
const LOOT = `(async () => {
  const answers = [];
  for (const [path, method] of [['/refresh', 'POST'], ['/me', 'GET'], ['/transfer', 'POST'], ['/none', 'GET']]) {
    const response = await fetch(path, { method });
    answers.push([...response.headers], await response.text());
  }
  const frame = document.body.appendChild(document.createElement('iframe'));
  frame.src = '/';
  await new Promise((resolve) => { frame.onload = resolve; });
  return JSON.stringify([
    document.cookie,
    frame.contentDocument.cookie,
    await cookieStore.getAll(),
    { ...localStorage },
    { ...sessionStorage },
    performance.getEntries(),
    answers,
    document.documentElement.outerHTML,
  ]);
})()`;

describe.each([
  { defence: 'httpOnly: false', options: { cookie: { httpOnly: false } }, found: true },
  { defence: 'the defaults', options: {}, found: false },
])('R57: a script in the page that looks for tokens, with $defence', ({ options, found }) => {
  const stage = useStage(options);

  it(`finds ${found ? 'them' : 'none'}`, async () => {
    const { browser, victim } = stage;
    const page = await browser.newPage();
    await victim.logIn(page);
    const loot = await page.evaluate<string>(LOOT);
    expect(/af_at_\w{43}/.test(loot)).toBe(found);
    expect(/af_rt_\w{43}/.test(loot)).toBe(found);
    // It was a session all the while.
    expect(loot).toContain('alice');
  });

  it('cannot have its headers repeated by TRACE', async () => {
    const page = await stage.browser.newPage();
    await stage.victim.logIn(page);
    await expect(fetchFrom(page, '/me', { method: 'TRACE' })).rejects.toThrow(/TRACE/);
  });
});
