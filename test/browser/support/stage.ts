import type { AuthentifyOptions } from 'nestjs-authentify';
import { afterAll, beforeAll } from 'vitest';
import type { Setup } from '../../support/app.js';
import type { User } from '../../support/users.js';
import { type Attacker, startAttacker } from './attacker.js';
import { type Browser, launchBrowser } from './browser.js';
import { makeCertificate } from './certificate.js';
import { startVictim, type Victim } from './victim.js';

/** Who takes part in a suite; there from its `beforeAll` on. */
export interface Stage {
  browser: Browser;
  attacker: Attacker;
  victim: Victim;
}

/** Starts a browser, the bank with these options and an attacker, all over TLS unless told otherwise. */
export function useStage(
  options: AuthentifyOptions<User>,
  { tls = true, ...setup }: Pick<Setup, 'adapter' | 'configure'> & { tls?: boolean } = {},
): Stage {
  const stage = {} as Stage;
  beforeAll(async () => {
    const https = tls ? makeCertificate() : undefined;
    [stage.browser, stage.attacker] = await Promise.all([launchBrowser(), startAttacker(https)]);
    stage.victim = await startVictim(options, { ...setup, https });
  });
  afterAll(async () => {
    // First the browser, whose open connections the servers would wait for.
    await stage.browser?.close();
    await Promise.all([stage.attacker?.close(), stage.victim?.close()]);
  });
  return stage;
}
