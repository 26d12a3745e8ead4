import type { IssuedTokens } from 'nestjs-authentify';
import type { AdminAction } from 'nestjs-authentify/admin';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AdminApp, startAdmin } from '../admin/admin-app.js';
import type { User } from '../support/users.js';
import { type AdminPage, expectAccessible, expectToFit, openAdminPage } from './support/admin-page.js';
import { type Browser, closePage, launchBrowser } from './support/browser.js';

const HOUR = 3_600_000;

describe('the page of the admin', () => {
  let browser: Browser;
  let t: AdminApp;
  let admin: AdminPage;
  let ada: User;
  let laptop: IssuedTokens;
  let phone: IssuedTokens;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    t = await startAdmin({ options: { keepExpiredTokens: true } });
    ada = await t.createUser({ email: 'ada@example.com' });
    await t.createUser({ email: 'adam@example.com' });
    laptop = await t.tokens.generateHeaderToken(ada, {
      context: { device: 'laptop', '<b>x</b>': '<img src=x onerror=alert(1)>' },
    });
    phone = await t.tokens.generateHeaderToken(ada, { context: { device: 'phone' } });
    admin = await openAdminPage(browser, t);
    await admin.go();
    return async () => {
      expect(admin.complaints).toEqual([]);
      await closePage(admin.page);
      await t.close();
    };
  });

  it('issues a token, shows it once, and has forgotten it after Done and after a reload', async () => {
    const { page } = admin;
    const held = () =>
      page.evaluate<string>(
        'document.documentElement.outerHTML + location + JSON.stringify([history.state, { ...localStorage }, { ...sessionStorage }, document.cookie])',
      );
    await page.getByRole('button', { name: 'Issue a token…' }).click();
    await page.getByLabel('User id').fill(String(ada.id));
    await page.getByLabel('Access lifetime').fill('15m');
    await page.getByLabel('Context (a JSON object)').fill('{"device": "support"}');
    await page.getByRole('button', { name: 'Issue', exact: true }).click();
    const shown = page.getByRole('textbox', { name: 'Access token' });
    const token = (await shown.textContent()) ?? '';
    expect((await t.tokens.verifyToken(token))?.context).toEqual({ device: 'support' });
    expect(await held()).toContain(token);

    await page.keyboard.press('Escape');
    expect(await shown.isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Done' }).click();
    expect(await held()).not.toContain(token);
    await admin.row('support').waitFor();
    await page.reload();
    await admin.settled();
    expect(await held()).not.toContain(token);

    await page.getByRole('button', { name: 'Issue a token…' }).click();
    await page.getByLabel('User id').fill(String(ada.id));
    await page.getByLabel('No refresh token').check();
    await page.getByRole('button', { name: 'Issue', exact: true }).click();
    await shown.waitFor();
    const another = (await shown.textContent()) ?? '';
    expect(await page.getByRole('textbox', { name: 'Refresh token' }).isVisible()).toBe(false);
    await page.reload();
    await admin.settled();
    expect(await held()).not.toContain(another);

    await page.getByRole('button', { name: 'Issue a token…' }).click();
    await page.getByLabel('User id').fill(String(ada.id));
    await page.getByRole('button', { name: 'Issue', exact: true }).click();
    await shown.waitFor();
    const third = (await shown.textContent()) ?? '';
    await page.goto(`${t.url}/elsewhere`);
    await page.evaluate('history.back()');
    await expect.poll(() => page.title().catch(() => '')).toBe('Sessions');
    expect(await held()).not.toContain(third);
    admin.complaints.splice(0);
  });

  it('says why a token cannot be issued, and keeps what was typed', async () => {
    const { page } = admin;
    await page.getByRole('button', { name: 'Issue a token…' }).click();
    const issue = async (): Promise<string> => {
      await page.getByRole('button', { name: 'Issue', exact: true }).click();
      await page.waitForSelector('#issue .failure:not(:empty)');
      return page.getByRole('alert').last().innerText();
    };
    await page.getByLabel('User id').fill('4711');
    expect(await issue()).toBe('User not found');
    await page.getByLabel('Context (a JSON object)').fill('device: laptop');
    expect(await issue()).toMatch(/^The context is not valid JSON/);
    expect(await page.getByLabel('User id').inputValue()).toBe('4711');
    admin.complaints.splice(0);
  });

  it('filters by state and date, and keeps the filter over Reload and Back', async () => {
    const { page } = admin;
    await t.tokens.revokeToken(laptop.token);
    await page.getByLabel('State').selectOption('Ended');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await expect.poll(() => admin.rows().count()).toBe(1);
    expect(await admin.rows().innerText()).toMatch(/ada@example.com[\s\S]*Ended[\s\S]*by hand/);
    await page.reload();
    await admin.settled();
    expect(await page.getByLabel('State').inputValue()).toBe('ended');
    expect(await admin.rows().count()).toBe(1);
    const today = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
    await page.getByLabel('Created to').fill(today);
    await page.keyboard.press('Enter');
    await admin.settled();
    expect(await admin.rows().count()).toBe(1);
    await page.getByLabel('Created to').fill('2020-01-01');
    await page.keyboard.press('Enter');
    await page.getByText('No sessions found.').waitFor();
    await page.goBack();
    await expect.poll(() => admin.rows().count()).toBe(1);
    await page.getByRole('button', { name: 'Clear' }).click();
    await expect.poll(() => admin.rows().count()).toBe(3);
  });

  it('searches for a user, asks whom one means, and says when nobody fits', async () => {
    const { page } = admin;
    const search = async (text: string): Promise<void> => {
      await page.getByLabel('User', { exact: true }).fill(text);
      await page.keyboard.press('Enter');
    };
    await search('ada@');
    await expect.poll(() => admin.rows().count()).toBe(2);
    expect(await page.locator('#chosen').innerText()).toContain('Sessions of ada@example.com (id 2)');
    await page.getByRole('button', { name: 'Show all users' }).click();
    await expect.poll(() => admin.rows().count()).toBe(3);
    await search('ada');
    await page.getByRole('button', { name: 'adam@example.com (id 3)' }).click();
    await page.getByText('No sessions found.').waitFor();
    await search('nobody');
    await page.getByRole('heading', { name: 'No user matches “nobody”' }).waitFor();
    await search(String(ada.id));
    await expect.poll(() => admin.rows().count()).toBe(2);
  });

  it('revokes a session after a question, and all of a user', async () => {
    const { page } = admin;
    const revoke = () => admin.row('phone').getByRole('button', { name: 'Revoke the session of ada' }).click();
    await revoke();
    await page.getByRole('button', { name: 'Cancel' }).click();
    expect(await t.tokens.verifyToken(phone.accessToken)).not.toBeNull();
    await revoke();
    await page.getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByRole('status').getByText('The session of ada@example.com (id 2) has been revoked.').waitFor();
    expect(await t.tokens.verifyToken(phone.accessToken)).toBeNull();
    expect(await admin.row('phone').innerText()).toContain('Ended');
    expect(await t.tokens.verifyToken(laptop.accessToken)).not.toBeNull();

    await admin.row('laptop').getByRole('button', { name: 'ada@example.com', exact: true }).click();
    await page.getByRole('button', { name: 'Revoke all sessions of this user…' }).click();
    await page.getByRole('button', { name: 'Revoke all', exact: true }).click();
    await page.getByRole('status').getByText('All sessions of user 2 have been revoked.').waitFor();
    expect(await t.tokens.verifyToken(laptop.accessToken)).toBeNull();
  });

  it('shows a session in full, changes its dates and deletes it', async () => {
    const { page } = admin;
    await admin.row('laptop').getByRole('button', { name: 'Details' }).click();
    const details = page.getByRole('dialog', { name: 'Session' });
    expect(await details.innerText()).toContain(laptop.token.id);
    expect(await details.getByRole('region', { name: 'Context' }).innerText()).toContain(
      '<img src=x onerror=alert(1)>',
    );
    const until = new Date(Math.floor(Date.now() / 1000) * 1000 + 48 * HOUR);
    const local = new Date(until.getTime() - until.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
    await details.getByLabel('Refresh until').fill(local);
    await details.getByRole('button', { name: 'Save dates' }).click();
    await page.getByText('The dates have been saved.').waitFor({ state: 'attached' });
    const [row] = await t.dataSource.getRepository(t.tokenEntity).findBy({ id: laptop.token.id });
    expect([row?.refreshUntil, row?.sessionExpiresAt]).toEqual([until, until]);
    expect(row?.expiresAt).toEqual(laptop.token.expiresAt);

    await details.getByRole('button', { name: 'Delete…' }).click();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('status').getByText('has been revoked; its row is kept.').waitFor();
    expect(await admin.row('laptop').innerText()).toContain('Ended');
    expect(await t.tokens.verifyToken(laptop.accessToken)).toBeNull();
    await admin.row('laptop').getByRole('button', { name: 'Details' }).click();
    expect(await details.getByRole('button').allInnerTexts()).toEqual(['Close']);
  });

  it('deletes the row of a session where ended ones are not kept', async () => {
    const other = await startAdmin();
    await other.tokens.generateHeaderToken(await other.createUser(), { context: { device: 'tablet' } });
    const its = await openAdminPage(browser, other);
    await its.go();
    await its.row('tablet').getByRole('button', { name: 'Details' }).click();
    await its.page.getByRole('button', { name: 'Delete…' }).click();
    await its.page.getByText('Its row is deleted.').waitFor();
    await its.page.getByRole('button', { name: 'Delete', exact: true }).click();
    await its.page.getByRole('status').getByText('has been deleted.').waitFor();
    expect(await its.row('tablet').count()).toBe(0);
    await closePage(its.page);
    await other.close();
  });

  it.each<[string, AdminAction[], string[], string[]]>([
    ['nothing but to look', ['list'], ['Show', 'Clear', 'Newest', 'Newer', 'Older', 'Details'], ['Close']],
    [
      'to revoke',
      ['revoke'],
      ['Show', 'Clear', 'Newest', 'Newer', 'Older', 'Details', 'Revoke…'],
      ['Close', 'Revoke…'],
    ],
    [
      'to edit and to issue',
      ['edit', 'issue'],
      ['Issue a token…', 'Show', 'Clear', 'Newest', 'Newer', 'Older', 'Details'],
      ['Close', 'Save dates'],
    ],
    ['to delete', ['delete'], ['Show', 'Clear', 'Newest', 'Newer', 'Older', 'Details'], ['Close', 'Delete…']],
  ])('R76: offers what is granted, and nothing else: %s', async (_, actions, onPage, inDetails) => {
    const other = await startAdmin({ admin: { actions } });
    await other.tokens.generateHeaderToken(await other.createUser(), { context: { device: 'tablet' } });
    const its = await openAdminPage(browser, other);
    await its.go();
    const row = its.row('tablet');
    const around = its.page.locator('button:visible:not(#rows *)');
    const seen = [
      ...(await around.allInnerTexts()),
      ...(await row.locator('[data-action]:not(.link):visible').allInnerTexts()),
    ];
    expect(seen).toEqual(onPage);
    await row.getByRole('button', { name: 'Details' }).click();
    expect(await its.page.locator('#details button:visible').allInnerTexts()).toEqual(inDetails);
    await expectAccessible(its.page);
    expect(its.complaints).toEqual([]);
    await closePage(its.page);
    await other.close();
  });

  it('turns pages, and finds the rare behind the many', async () => {
    const { page } = admin;
    await t.tokens.revokeToken(laptop.token);
    for (let count = 0; count < 60; count += 1) await t.tokens.generateHeaderToken(ada);
    await admin.go();
    expect(await admin.rows().count()).toBe(50);
    await page.getByRole('button', { name: 'Older' }).click();
    await expect.poll(() => admin.rows().count()).toBe(13);
    expect(await page.getByRole('button', { name: 'Older' }).isDisabled()).toBe(true);
    await page.reload();
    await admin.settled();
    expect(await admin.rows().count()).toBe(13);
    await page.getByRole('button', { name: 'Newer' }).click();
    await expect.poll(() => admin.rows().count()).toBe(50);
    await admin.go('?state=ended');
    expect(await admin.rows().count()).toBe(1);
  });

  it('asks again at once after a question that was answered with no', async () => {
    const { page } = admin;
    // Quicker than a browser tells of a closed dialog.
    await page.evaluate(`
      const revoke = document.querySelector('#rows [data-action=revoke]');
      revoke.click();
      document.getElementById('confirm').close('no');
      revoke.click();`);
    await page.getByRole('button', { name: 'Revoke', exact: true }).click();
    await page.getByRole('status').getByText('has been revoked.').waitFor();
    await admin.go('?state=ended');
    expect(await admin.rows().count()).toBe(1);
  });

  it('skips to the sessions without loading them anew', async () => {
    const { page } = admin;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(/#results$/);
    await page.goBack();
    expect(asked).toEqual([]);
  });

  it('is used by keyboard alone, with a focus that can be seen', async () => {
    const { page } = admin;
    const press = async (...keys: string[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const focused = () =>
      page.evaluate<string>('document.activeElement.ariaLabel ?? document.activeElement.textContent.trim()');
    const seen = () => page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    const tabTo = async (name: string | RegExp): Promise<void> => {
      for (let steps = 0; steps < 60; steps += 1) {
        await press('Tab');
        if (new RegExp(name).test(await focused())) return;
        expect(await seen()).not.toBe('none');
      }
      throw new Error(`nothing named ${String(name)} is reached by Tab`);
    };
    await press('Tab');
    expect(await focused()).toBe('Skip to the sessions');
    await press('Enter');
    await tabTo(/^Revoke the session of ada/);
    await press('Enter');
    expect(await focused()).toBe('Cancel');
    await press('Escape');
    expect(await focused()).toMatch(/^Revoke the session of ada/);
    await press('Enter', 'Tab');
    expect(await focused()).toBe('Revoke');
    expect(await seen()).not.toBe('none');
    await press('Enter');
    await page.getByRole('status').getByText('has been revoked.').waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('results');
    // Ids of one millisecond are in any order.
    const newest = laptop.token.id > phone.token.id ? laptop : phone;
    expect(await t.tokens.verifyToken(newest.accessToken)).toBeNull();

    await page.getByLabel('User', { exact: true }).focus();
    await page.keyboard.type('ada');
    await press('Enter');
    await page.getByRole('heading', { name: 'Several users match' }).waitFor();
    await press('Tab', 'Enter');
    await expect.poll(() => page.locator('#chosen').innerText()).toContain('Sessions of ada');

    await page.getByRole('button', { name: 'Issue a token…' }).focus();
    await press('Enter');
    expect(await page.evaluate('document.activeElement.closest("dialog").id')).toBe('issue');
    await page.getByLabel('User id').focus();
    await press('Enter');
    await page.getByRole('heading', { name: 'Copy it now' }).waitFor();
    expect(await focused()).toBe('Copy it now');
    await tabTo('Done');
    await press('Enter');
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await focused()).toBe('Issue a token…');
  });

  it.each([
    ['360 px wide, like a phone', 360],
    ['640 px wide, like a laptop at 200 %', 640],
    ['1280 px wide', 1280],
  ])('needs no scrolling sideways at %s', async (_, width) => {
    const { page } = admin;
    await page.setViewportSize({ width, height: 800 });
    await expectToFit(page);
    await admin.row('laptop').getByRole('button', { name: 'Details' }).click();
    await expectToFit(page);
    await page.keyboard.press('Escape');
    await admin.row('laptop').getByRole('button', { name: 'Revoke' }).click();
    await expectToFit(page);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Issue a token…' }).click();
    await expectToFit(page);
    await page.getByLabel('User id').fill(String(ada.id));
    await page.getByRole('button', { name: 'Issue', exact: true }).click();
    await page.getByRole('heading', { name: 'Copy it now' }).waitFor();
    await expectToFit(page);
  });

  it.each([
    ['light', 1280],
    ['light', 360],
    ['dark', 1280],
    ['dark', 360],
  ] as const)(
    'has nothing that axe-core objects to, %s and %i px wide',
    async (colorScheme, width) => {
      const { page } = admin;
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await t.tokens.revokeToken(phone.token);
      await admin.go(`?user=${ada.id}`);
      await expectAccessible(page);
      await page.getByLabel('User', { exact: true }).fill('ada');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'Several users match' }).waitFor();
      await expectAccessible(page);
      await admin.row('laptop').getByRole('button', { name: 'Details' }).click();
      await expectAccessible(page);
      await page.getByRole('button', { name: 'Delete…' }).click();
      await expectAccessible(page);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Issue a token…' }).click();
      await expectAccessible(page);
      await page.getByLabel('User id').fill('4711');
      await page.getByRole('button', { name: 'Issue', exact: true }).click();
      await page.getByText('User not found').waitFor();
      await expectAccessible(page);
      await page.getByLabel('User id').fill(String(ada.id));
      await page.getByRole('button', { name: 'Issue', exact: true }).click();
      await page.getByRole('heading', { name: 'Copy it now' }).waitFor();
      await expectAccessible(page);
      admin.complaints.splice(0);
    },
    120_000,
  );

  it('says what is the matter when the administrator is logged out meanwhile', async () => {
    const { page } = admin;
    await t.tokens.revokeToken(t.session.token);
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByRole('alert').getByText('You are no longer signed in.').waitFor();
    admin.complaints.splice(0);
  });
});
