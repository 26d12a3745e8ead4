import { afterAll, beforeAll, describe, it } from 'vitest';
import { type Client, startWalk, walkWithCookies, walkWithHeaders } from '../session-routes/walks.js';
import { ADAPTERS, type TestApp } from '../support/app.js';
import { type Browser, fetchFrom, launchBrowser } from './support/browser.js';

/** The `fetch` of a page on the app's own origin. */
async function pageOf(browser: Browser, t: TestApp): Promise<Client> {
  const page = await browser.newPage();
  await page.goto(`${t.url}/nothing-is-here`);
  return {
    async call(method, url, { body, token }) {
      const headers = {
        ...(body && { 'Content-Type': 'application/json' }),
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
      };
      const { status, text } = await fetchFrom(page, url, { method, headers, body: body && JSON.stringify(body) });
      return { status, json: text === '' ? undefined : (JSON.parse(text) as unknown) };
    },
  };
}

describe.each(ADAPTERS)('the session routes on %s, as a page calls them', (adapter) => {
  let browser: Browser;
  let t: TestApp;
  beforeAll(async () => {
    [browser, t] = await Promise.all([launchBrowser(), startWalk(adapter)]);
  });
  afterAll(async () => {
    await browser.close();
    await t.close();
  });

  it('with tokens in headers and bodies', async () => walkWithHeaders(t, await pageOf(browser, t)));
  it('with cookies', async () => walkWithCookies(t, await pageOf(browser, t)));
});
