import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as patience } from 'node:timers/promises';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { findChromium } from './find-chromium.js';

/** Every name is this machine; nothing is looked up and nothing leaves it. */
const RESOLVE = 'MAP *.example.test 127.0.0.1, MAP *.example.net 127.0.0.1, EXCLUDE localhost, EXCLUDE 127.0.0.1';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  `--host-resolver-rules=${RESOLVE}`,
];

/** Of users who allow third-party cookies, as Chromium does unless told otherwise: attacks must not fail by chance. */
const PREFERENCES = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };

export interface Browser {
  context: BrowserContext;
  /** Forgets pages and cookies, and opens a new page. */
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

/** Chromium with a profile of its own, which takes the tests' self-signed certificate. */
export async function launchBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'authentify-chromium-'));
  mkdirSync(join(profile, 'Default'));
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(PREFERENCES));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium(),
    headless: true,
    ignoreHTTPSErrors: true,
    args: FLAGS,
    // Playwright switches off what the test of the back button is about.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
  // Below the timeout of a test, so that what did not come is named.
  context.setDefaultTimeout(20_000);
  return {
    context,
    newPage: async () => {
      const former = context.pages();
      const page = await context.newPage();
      await Promise.all(former.map(closePage));
      await context.clearCookies();
      return page;
    },
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Closes a page. One that is just navigating may never say that it is closed; it is, with its browser. */
export async function closePage(page: Page): Promise<void> {
  await Promise.race([page.close(), patience(2_000, undefined, { ref: false })]);
}

export interface Fetched {
  status: number;
  text: string;
}

/** Sends a request from within a page, as its script would. */
export function fetchFrom(page: Page, url: string, init: object = {}): Promise<Fetched> {
  const args = `${JSON.stringify(url)}, ${JSON.stringify(init)}`;
  return page.evaluate(`fetch(${args}).then(async (r) => ({ status: r.status, text: await r.text() }))`);
}
