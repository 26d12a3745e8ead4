import type { INestApplication } from '@nestjs/common';
import type { Page } from 'playwright-core';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../sample/02-browser/src/create-app.js';
import { type Browser, launchBrowser } from './support/browser.js';

/** Sample 02 as people use it, over plain HTTP at localhost. */
describe('sample 02', () => {
  let browser: Browser;
  let app: INestApplication;
  let url: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    app = await createApp();
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as { port: number };
    url = `http://localhost:${port}`;
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await app?.close();
  });

  const devices = (page: Page) => page.locator('#devices li');
  const form = (page: Page) => page.getByRole('heading', { name: 'Log in' });
  const account = (page: Page) => page.getByRole('heading', { name: 'Where you are logged in' });

  async function logIn(page: Page, password = 'demo-password'): Promise<void> {
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy/.test(message.text())) complaints.push(message.text());
    });
    await page.goto(url);
    await page.getByLabel('E-mail').fill('demo@example.com');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
  }

  /** A login on another device: a cookie jar of its own, by the API the page uses. */
  async function logInElsewhere(): Promise<void> {
    const response = await fetch(`${url}/api/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'User-Agent': 'Android Firefox/140.0' },
      body: JSON.stringify({ email: 'demo@example.com', password: 'demo-password' }),
    });
    expect([response.status, await response.text()]).toEqual([204, '']);
  }

  /** As if more time than an access token has had passed since the last refresh. */
  const expireAccess = () =>
    app
      .get(DataSource)
      .query('UPDATE auth_tokens SET last_refreshed_at = last_refreshed_at - 600000, expires_at = expires_at - 600000');

  it('logs in, and says what is wrong with a wrong password', async () => {
    const page = await browser.newPage();
    await logIn(page, 'wrong');
    await page.getByRole('alert').filter({ hasText: 'password is wrong' }).waitFor();
    await logIn(page);
    await account(page).waitFor();
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  it('lists the devices, and ends one, all others, or this one', async () => {
    const page = await browser.newPage();
    await logIn(page);
    await account(page).waitFor();
    await logInElsewhere();
    await logInElsewhere();
    await page.reload();
    await page.getByRole('button', { name: 'Log out Firefox on Android' }).first().click();
    await page.getByRole('status').filter({ hasText: 'Firefox on Android is logged out.' }).waitFor();

    await page.getByRole('button', { name: 'Log out all others' }).click();
    await page.getByRole('status').filter({ hasText: 'logged out.' }).waitFor();
    await page.locator('#count', { hasText: /^1$/ }).waitFor();
    expect(await devices(page).count()).toBe(1);

    await page.getByRole('button', { name: 'Log out this device' }).click();
    await form(page).waitFor();
    expect(await page.locator('body').textContent()).not.toContain('Logged in here since');
  });

  it('renews the session silently in two tabs at once, and neither is logged out', async () => {
    const first = await browser.newPage();
    await logIn(first);
    await account(first).waitFor();
    const second = await browser.context.newPage();
    await second.goto(url);
    await account(second).waitFor();

    for (let round = 0; round < 10; round += 1) {
      await expireAccess();
      await Promise.all([first.reload(), second.reload()]);
      await Promise.all([account(first).waitFor(), account(second).waitFor()]);
      expect(await devices(first).count()).toBe(await devices(second).count());
    }
    await first.getByRole('button', { name: 'Log out', exact: true }).first().click();
    await form(first).waitFor();
    await form(second).waitFor();
  });

  it('fits 360 pixels', async () => {
    const page = await browser.newPage();
    await page.setViewportSize({ width: 360, height: 740 });
    await logIn(page);
    await account(page).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  });

  it('had no script fail and no rule of its Content-Security-Policy broken', () => {
    expect(complaints).toEqual([]);
  });
});
