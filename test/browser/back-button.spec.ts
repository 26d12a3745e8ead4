import { describe, expect, it } from 'vitest';
import { fetchFrom } from './support/browser.js';
import { useStage } from './support/stage.js';

describe('R59: the back button after logout', () => {
  const stage = useStage({});

  it.each([
    ['careless-statement', 'which says nothing of caching, shows it again', 'Private to alice'],
    ['statement', 'which is sent with no-store, asks the server', 'Unauthorized'],
  ])('to the page /%s, %s', async (name, _outcome, shown) => {
    const path = `/${name}`;
    const { browser, victim } = stage;
    const page = await browser.newPage();
    await victim.logIn(page);
    await page.goto(victim.origin + path);
    expect(await page.locator('#shown').textContent()).toBe('Private to alice');

    expect((await fetchFrom(page, '/logout', { method: 'POST' })).status).toBe(204);
    await page.goto(victim.origin);
    await page.evaluate('history.back()');
    await page.waitForURL(victim.origin + path, { waitUntil: 'commit' });
    await page.locator('body', { hasText: shown }).waitFor();
    expect(await page.locator('body').textContent()).toContain(shown);
  });
});
