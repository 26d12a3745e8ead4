import { createHash, createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

const OLD = 'a first key of at least thirty-two bytes';
const NEW = 'another key of at least thirty-two bytes';

describe('digests and their keys', () => {
  const nodes: TestApp[] = [];
  const node = async (hashSecrets: string[], beside?: TestApp): Promise<TestApp> => {
    const t = await startApp({ options: { hashSecrets }, ...(beside && { beside }) });
    nodes.unshift(t);
    return t;
  };
  afterEach(async () => {
    for (const t of nodes.splice(0)) await t.close();
  });

  it('R3: stores the SHA-256 of a token, and never the token', async () => {
    const t = await node([]);
    const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
    const [row] = await t.rows();

    expect(row!.access_token_hash).toBe(createHash('sha256').update(accessToken).digest('hex'));
    expect(row!.refresh_token_hash).toBe(createHash('sha256').update(refreshToken!).digest('hex'));
    expect(JSON.stringify(t.statements.statements)).not.toContain(accessToken);
    expect(JSON.stringify(t.statements.statements)).not.toContain(refreshToken);
  });

  it('R5: stores an HMAC under the first key, and verifies under all', async () => {
    const before = await node([OLD]);
    const user = await before.createUser();
    const issued = await before.tokens.generateHeaderToken(user);
    const [row] = await before.rows();
    expect(row!.access_token_hash).toBe(createHmac('sha256', OLD).update(issued.accessToken).digest('hex'));

    const after = await node([NEW, OLD], before);
    expect(await after.tokens.verifyToken(issued.accessToken)).not.toBeNull();
  });

  it('survives a rolling deploy of a new key: append it, move it to the front, retire the old one', async () => {
    const [first, appended] = [await node([OLD]), await node([OLD, NEW], nodes[0])];
    const user = await first.createUser();
    let { refreshToken } = await first.tokens.generateHeaderToken(user);
    const moved = await node([NEW, OLD], first);

    // Both steps of the deploy run side by side; every refresh lands on another node, and each is retried on the next.
    for (const [winner, sibling] of [
      [appended, moved],
      [moved, appended],
      [appended, moved],
      [moved, moved],
    ] as const) {
      const issued = await winner.tokens.refreshToken(refreshToken!);
      const retried = await sibling.tokens.refreshToken(refreshToken!);
      expect(retried?.refreshToken).toBe(issued?.refreshToken);
      refreshToken = issued!.refreshToken;
    }
    const retired = await node([NEW], first);
    expect(await retired.tokens.refreshToken(refreshToken!)).not.toBeNull();
  });

  it('recognises reuse across a change of keys', async () => {
    const first = await node([OLD]);
    const issued = await first.tokens.generateHeaderToken(await first.createUser());
    const both = await node([NEW, OLD], first);
    const second = await both.tokens.refreshToken(issued.refreshToken!);
    await both.tokens.refreshToken(second!.refreshToken!);
    expect(await both.tokens.refreshToken(issued.refreshToken!)).toBeNull();
    expect(await both.rows()).toEqual([]);
  });

  it.each([
    ['sha384', 96],
    ['sha512', 128],
  ] as const)('works with %s', async (secureHashAlgorithm, length) => {
    const t = await startApp({ options: { secureHashAlgorithm, hashSecrets: [OLD] } });
    nodes.unshift(t);
    const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
    const [row] = await t.rows();
    expect(row!.access_token_hash).toMatch(new RegExp(`^[0-9a-f]{${length}}$`));
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
  });
});
