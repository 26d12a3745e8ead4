import { AuthentifyEvents, type IssuedTokens } from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SessionStore } from '../../lib/sessions/session-store.js';
import { TokenSecrets } from '../../lib/sessions/token-secrets.js';
import { meetingOf } from '../requests/client.js';
import { startApp, type TestApp } from '../support/app.js';

const STORM = 50;

describe('concurrent refreshes', () => {
  let t: TestApp;
  const happened: string[] = [];

  beforeAll(async () => {
    t = await startApp();
    t.app.get(AuthentifyEvents).subscribe((event) => happened.push(event.type));
  });
  afterAll(() => t.close());

  const login = async () => t.tokens.generateHeaderToken(await t.createUser());
  const times = <T>(count: number, work: () => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: count }, work));

  it(`R30: of ${STORM} with one token exactly one rotates, and all get the same pair`, async () => {
    for (let round = 0; round < 10; round += 1) {
      const { refreshToken } = await login();
      happened.length = 0;

      const answers = await times(STORM, () => t.tokens.refreshToken(refreshToken!));

      expect(happened.filter((type) => type === 'refreshed')).toHaveLength(1);
      expect(happened.filter((type) => type === 'replayed')).toHaveLength(STORM - 1);
      expect(new Set(answers.map((issued) => `${issued?.accessToken} ${issued?.refreshToken}`)).size).toBe(1);
      expect(await t.tokens.verifyToken(answers[0]!.accessToken)).not.toBeNull();
    }
  });

  it('R30: the same storm has many winners when rotation reads, decides and then writes', async () => {
    const { refreshToken, token } = await login();
    const rows = t.dataSource.getRepository(t.tokenEntity);
    const secrets = t.app.get(TokenSecrets);
    const family = secrets.readRefresh(refreshToken!)!.familyDigests;

    // All read before the first one writes, however fast the database is.
    const everybodyHasRead = meetingOf(STORM);
    const naive = async (): Promise<boolean> => {
      const stored = await t.app.get(SessionStore).findByFamily(family);
      const isCurrent = stored?.digests.refreshTokenHash === secrets.digest(refreshToken!);
      await everybodyHasRead();
      if (!isCurrent) return false;
      const { accessTokenHash, refreshTokenHash } = secrets.digestsOf(secrets.fresh(true));
      await rows.update({ id: token.id }, { accessTokenHash, refreshTokenHash } as never);
      return true;
    };

    expect((await times(STORM, naive)).filter(Boolean).length).toBeGreaterThan(1);
  });

  it(`R38: ${STORM} of ${STORM} sessions all succeed`, async () => {
    const logins = await times(STORM, login);
    const answers = await Promise.all(logins.map(({ refreshToken }) => t.tokens.refreshToken(refreshToken!)));
    expect(answers.filter(Boolean)).toHaveLength(STORM);
  });

  it('R18: a revocation that meets a storm of refreshes wins', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { refreshToken, token } = await login();
      const [answers] = await Promise.all([
        times(10, () => t.tokens.refreshToken(refreshToken!)),
        t.tokens.revokeToken(token),
      ]);
      for (const issued of answers) {
        if (issued) expect(await t.tokens.verifyToken(issued.accessToken)).toBeNull();
      }
      expect(await t.tokens.listUserTokens(token.userId)).toEqual([]);
    }
  });

  it('does not end the session of a call that stalled between its look-up and its write', async () => {
    const { refreshToken } = await login();
    happened.length = 0;
    const stalled = await stallAfterLookup(t, () => t.tokens.refreshToken(refreshToken!));

    const second = await t.tokens.refreshToken(refreshToken!);
    const third = await t.tokens.refreshToken(second!.refreshToken!);

    expect(await stalled.release()).toBeNull();
    expect(happened).not.toContain('reuse-detected');
    expect(await t.tokens.verifyToken(third!.accessToken)).not.toBeNull();
  });

  it('answers a call that stalled past one rotation with the pair of its winner', async () => {
    const { refreshToken } = await login();
    const stalled = await stallAfterLookup(t, () => t.tokens.refreshToken(refreshToken!));
    const second = await t.tokens.refreshToken(refreshToken!);
    expect((await stalled.release())?.accessToken).toBe(second!.accessToken);
  });

  it('R43: a session ended between look-up and write stays ended', async () => {
    const { refreshToken, token } = await login();
    const stalled = await stallAfterLookup(t, () => t.tokens.refreshToken(refreshToken!));
    await t.tokens.revokeToken(token);
    expect(await stalled.release()).toBeNull();
    expect(await t.tokens.listUserTokens(token.userId)).toEqual([]);
  });
});

/** Starts a refresh and holds back what its first look-up found, until released. */
async function stallAfterLookup(
  t: TestApp,
  start: () => Promise<IssuedTokens | null>,
): Promise<{ release: () => Promise<IssuedTokens | null> }> {
  const store = t.app.get(SessionStore);
  const original = store.findByFamily.bind(store);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const spy = vi.spyOn(store, 'findByFamily');
  const read = new Promise<void>((resolve) => {
    spy.mockImplementationOnce(async (digests) => {
      const found = await original(digests);
      resolve();
      await released;
      return found;
    });
  });
  const result = start();
  await read;
  spy.mockRestore();
  return {
    release: () => {
      release();
      return result;
    },
  };
}
