import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { SessionStore } from '../../lib/sessions/session-store.js';
import { UserActivity } from '../../lib/sessions/user-activity.js';

describe('the default of isUserActive', () => {
  // The store is asked at boot only, for entities that must have isActive.
  const activity = new UserActivity(resolveOptions({}), undefined as unknown as SessionStore);

  it.each([
    [{ isActive: true }, true],
    [{ isActive: false }, false],
    [{ isActive: undefined }, true],
    [{ isActive: null }, false],
    [{ isActive: 0 }, false],
    [{ isActive: 1 }, true],
    [{ isActive: 2 }, true],
    [{ isActive: Number.NaN }, false],
    [{ isActive: 0n }, false],
    [{ isActive: 1n }, true],
    [{ isActive: '0' }, false],
    [{ isActive: '00' }, false],
    [{ isActive: '0.00' }, false],
    [{ isActive: '-0' }, false],
    [{ isActive: '1' }, true],
    [{ isActive: '10' }, true],
    [{ isActive: '' }, false],
    [{ isActive: Buffer.from([0]) }, false],
    [{ isActive: Buffer.from([0, 1]) }, true],
    [{ isActive: new Uint8Array(0) }, false],
    [{ isActive: new Uint8Array([0, 1]).subarray(0, 1) }, false],
    [{}, true],
  ])('takes %o for active: %s', (user, active) => {
    expect(activity.isActive(user)).toBe(active);
  });
});
