import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { type AdminApp, COOKIE, PATH } from '../../admin/admin-app.js';
import type { Browser } from './browser.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The admin's page in a browser whose user is logged in as an administrator. */
export interface AdminPage {
  page: Page;
  /** What the page's policy refused, its scripts failed at, or the console complained of. */
  complaints: string[];
  go(query?: string): Promise<void>;
  /** Waits until the list stands still. */
  settled(): Promise<void>;
  rows(): Locator;
  row(text: string): Locator;
}

export async function openAdminPage(browser: Browser, t: AdminApp): Promise<AdminPage> {
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  await browser.context.addCookies([{ name: COOKIE, value: t.session.accessToken, url: t.url, httpOnly: true }]);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const settled = async (): Promise<void> => {
    await page.waitForSelector('#results:not([aria-busy])');
    await page.waitForSelector('#rows tr, #nothing:not([hidden]), #failure:not(:empty)');
  };
  return {
    page,
    complaints,
    go: async (query = '') => {
      await page.goto(`${t.url}/${PATH}${query}`);
      await settled();
    },
    settled,
    rows: () => page.locator('#rows tr'),
    row: (text) => page.locator('#rows tr', { hasText: text }),
  };
}

/** Nothing that axe-core knows to keep people out. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(AXE);
  const found = await page.evaluate<{
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  }>('axe.run(document, { resultTypes: ["violations"] })');
  expect(
    found.violations.map(({ id, nodes }) => [id, nodes.map((node) => `${node.html}\n${node.failureSummary}`)]),
  ).toEqual([]);
}

/** Nobody has to scroll sideways to read. */
export async function expectToFit(page: Page): Promise<void> {
  const tooWide = await page.evaluate<string[]>(
    `[document.documentElement, ...document.querySelectorAll('dialog[open], dialog[open] *, main *')]
      .filter((element) => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1)
      .filter((element) => !['hidden', 'clip'].includes(getComputedStyle(element).overflowX))
      .filter((element) => getComputedStyle(element).display !== 'inline')
      .map((element) => element.outerHTML.slice(0, 120))`,
  );
  expect(tooWide).toEqual([]);
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
}
