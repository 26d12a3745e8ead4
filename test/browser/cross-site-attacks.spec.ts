import type { AuthentifyOptions } from 'nestjs-authentify';
import { describe, expect, it } from 'vitest';
import type { Adapter } from '../support/app.js';
import type { User } from '../support/users.js';
import { useStage } from './support/stage.js';
import { EVIL, SIBLING } from './support/victim.js';

const NO_DEFENCE = 'no defence';
const LAX_ALONE = 'SameSite=Lax alone';
const CHECK_ALONE = 'the check alone';
const DEFAULTS = 'the defaults';

const DEFENCES: Record<string, AuthentifyOptions<User>> = {
  [NO_DEFENCE]: { csrf: false, cookie: { sameSite: 'none' } },
  [LAX_ALONE]: { csrf: false },
  [CHECK_ALONE]: { cookie: { sameSite: 'none' } },
  [DEFAULTS]: {},
};

interface Attack {
  name: string;
  /** Where the user is lured to. */
  from: string;
  /** The page there, given the address it attacks and the attacker's own. */
  html: (target: string, own: string) => string;
  path: string;
  /** What the bank is made to do, and with which defences it is. */
  act: string;
  succeeds: string[];
}

const SUBMIT = '<script>document.forms[0].submit()</script>';
const form = (action: string, fields = ''): string =>
  `<form method="post" action="${action}">${fields}</form>${SUBMIT}`;
const script = (code: string): string => `<script>${code}</script>`;
const postBy = (mode: string) => (target: string) =>
  script(`fetch('${target}', { method: 'POST', mode: '${mode}', credentials: 'include', body: 'x' })`);
const beacon = (target: string): string => script(`navigator.sendBeacon('${target}', 'x')`);
const socket = (target: string): string => script(`new WebSocket('${target.replace('http', 'ws')}')`);
const sandboxed = (target: string): string =>
  `<iframe sandbox="allow-forms allow-scripts" srcdoc='${form(target)}'></iframe>`;
const bounced = (target: string, own: string): string => form(`${own}/bounce?to=${encodeURIComponent(target)}`);

const transfer = { path: '/transfer', act: 'transfer by alice' };
const foreign = { from: EVIL, ...transfer, succeeds: [NO_DEFENCE] };
/** `SameSite` asks for the site, and that is the same for every host of a domain. */
const sibling = { from: SIBLING, ...transfer, succeeds: [NO_DEFENCE, LAX_ALONE] };

const ATTACKS: Attack[] = [
  { ...foreign, name: 'a form of another site', html: (target) => form(target) },
  { ...foreign, name: 'a form of another site, bounced off a redirect', html: bounced },
  { ...foreign, name: 'a sandboxed frame, whose Origin is null', html: sandboxed },
  { ...foreign, name: 'fetch without CORS from another site', html: postBy('no-cors') },
  { ...foreign, name: 'fetch with CORS from another site', html: postBy('cors') },
  { ...foreign, name: 'a beacon from another site', html: beacon },
  { ...foreign, name: 'a WebSocket from another site', html: socket, path: '/socket', act: 'socket' },
  { ...foreign, name: 'a form of another site that logs out', html: (to) => form(to), path: '/logout', act: 'logout' },
  { ...sibling, name: 'a form of a sibling host', html: (target) => form(target) },
  { ...sibling, name: 'fetch without CORS from a sibling host', html: postBy('no-cors') },
  { ...sibling, name: 'fetch with CORS from a sibling host', html: postBy('cors') },
  { ...sibling, name: 'a beacon from a sibling host', html: beacon },
  { ...sibling, name: 'a WebSocket from a sibling host', html: socket, path: '/socket', act: 'socket' },
  { ...sibling, name: 'a refresh by a sibling host', html: (to) => form(to), path: '/refresh', act: 'refresh' },
  {
    ...sibling,
    name: 'a form of another site that logs the user in as the attacker',
    from: EVIL,
    html: (target) => form(target, '<input name="user" value="2">'),
    path: '/login',
    act: 'login',
  },
];

const CONFIGURATIONS: [Adapter, string][] = [
  ['express', NO_DEFENCE],
  ['express', LAX_ALONE],
  ['express', CHECK_ALONE],
  ['express', DEFAULTS],
  ['fastify', NO_DEFENCE],
  ['fastify', DEFAULTS],
];

describe.each(CONFIGURATIONS)('R54, R55: against %s with %s', (adapter, defence) => {
  const stage = useStage(DEFENCES[defence]!, { adapter });

  for (const { name, from, html, path, act, succeeds } of ATTACKS) {
    const outcome = succeeds.includes(defence) ? 'succeeds' : 'fails';
    it(`${name} ${outcome}`, async () => {
      const { browser, attacker, victim } = stage;
      const page = await browser.newPage();
      await victim.logIn(page);
      const before = await victim.rows();
      const own = attacker.at(from);
      attacker.serves({ html: html(victim.origin + path, own) });

      const answer = victim.answerTo(path);
      await page.goto(own, { waitUntil: 'commit' });
      const { status } = await answer;

      if (outcome === 'succeeds') {
        expect(victim.bank.acts).toEqual([act]);
        expect(status).toBeLessThan(300);
        return;
      }
      expect(victim.bank.acts).toEqual([]);
      // 401 where SameSite kept the cookie away, so that there was nothing left to check.
      expect([401, 403]).toContain(status);
      expect(await victim.rows()).toEqual(before);
    });
  }

  it('the app itself may do all of it', async () => {
    const { browser, victim } = stage;
    const page = await browser.newPage();
    await victim.logIn(page);
    for (const path of ['/transfer', '/refresh', '/logout']) {
      const answer = victim.answerTo(path);
      await page.evaluate(`fetch('${path}', { method: 'POST' })`);
      expect((await answer).status, path).toBeLessThan(300);
    }
    await victim.logIn(page);
    const answer = victim.answerTo('/socket');
    await page.evaluate("void new WebSocket(location.origin.replace('http', 'ws') + '/socket')");
    expect((await answer).status).toBe(101);
  });
});
