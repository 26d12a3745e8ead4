import { inspect } from 'node:util';
import { AuthentifyUnavailableError } from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

describe('a database that does not answer', () => {
  let t: TestApp;
  beforeAll(async () => {
    t = await startApp({ options: { enforceSingleLogin: true } });
  });
  afterAll(() => t.close());

  /** Takes the sessions' table away for a while. */
  async function withoutTable(work: () => Promise<void>): Promise<void> {
    const { tablePath, schema } = t.dataSource.getMetadata(t.tokenEntity);
    const away = schema ? `${schema}.away` : 'away';
    await t.dataSource.query(`ALTER TABLE ${tablePath} RENAME TO away`);
    try {
      await work();
    } finally {
      await t.dataSource.query(`ALTER TABLE ${away} RENAME TO auth_tokens`);
    }
  }

  it('R62: is an AuthentifyUnavailableError in every method, never null and never a count', async () => {
    const user = await t.createUser();
    const { accessToken, refreshToken, token } = await t.tokens.generateHeaderToken(user);
    await withoutTable(async () => {
      const calls = [
        t.tokens.generateHeaderToken(user),
        t.tokens.generateCookieToken(user),
        t.tokens.verifyToken(accessToken),
        t.tokens.refreshToken(refreshToken!),
        t.tokens.revokeToken(token),
        t.tokens.revokeAllUserTokens(user),
        t.tokens.revokeAllExpiredUserTokens(user),
        t.tokens.revokeExpiredTokens(),
        t.tokens.listUserTokens(user),
        t.tokens.revokeUserToken(user, token.id),
      ];
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected', reason: { statusCode: 503, status: 503, expose: true } });
        expect((call as PromiseRejectedResult).reason).toBeInstanceOf(AuthentifyUnavailableError);
      }
    });
    expect((await t.tokens.verifyToken(accessToken))?.id).toBe(token.id);
    expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
  });

  it('R63: carries neither SQL nor parameters, nor does its cause', async () => {
    const { accessToken, refreshToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
    const row = (await t.rows()).find(({ id }) => id === token.id);
    await withoutTable(async () => {
      for (const call of [() => t.tokens.verifyToken(accessToken), () => t.tokens.refreshToken(refreshToken!)]) {
        const error = await call().then(
          () => null,
          (reason: unknown) => reason,
        );
        const told = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
        for (const secret of [accessToken, refreshToken, row!.access_token_hash, row!.refresh_family_hash, 'SELECT']) {
          expect(told).not.toContain(secret);
        }
      }
    });
  });

  it('is a 503 as well when the connection is gone', async () => {
    const other = await startApp();
    const { accessToken } = await other.tokens.generateHeaderToken(await other.createUser());
    await other.dataSource.destroy();
    await expect(other.tokens.verifyToken(accessToken)).rejects.toMatchObject({ statusCode: 503 });
    await other.close();
  });
});
