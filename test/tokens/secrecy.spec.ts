import { inspect } from 'node:util';
import { Logger, type LoggerService } from '@nestjs/common';
import { AuthentifyEvents } from 'nestjs-authentify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

describe('R63: secrets', () => {
  let t: TestApp;
  const told: unknown[] = [];
  const recorder: LoggerService = Object.fromEntries(
    ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'].map((level) => [
      level,
      (...args: unknown[]) => told.push(args),
    ]),
  ) as never;

  beforeAll(async () => {
    t = await startApp({ options: { keepExpiredTokens: true } });
    Logger.overrideLogger(recorder);
    t.app.get(AuthentifyEvents).subscribe((event) => told.push(event));
  });
  afterAll(async () => {
    Logger.overrideLogger(false);
    await t.close();
  });

  it('stay out of logs, events, entities, JSON and inspect over a whole life, reuse included', async () => {
    const user = await t.createUser();
    const first = await t.tokens.generateHeaderToken(user, { context: { device: 'mobile' } });
    const verified = await t.tokens.verifyToken(first.accessToken);
    const second = await t.tokens.refreshToken(first.refreshToken!);
    const third = await t.tokens.refreshToken(second!.refreshToken!);
    await t.tokens.verifyToken('af_at_nonsense');
    const digests = await digestsOf(t);
    await t.tokens.refreshToken(first.refreshToken!);
    const listed = await t.tokens.listUserTokens(user);

    told.push(verified, second!.token, third!.token, listed, JSON.stringify([verified, listed]));
    told.push(inspect([first, second, third], { depth: 10, showHidden: true }), String(first), String(third!.token));
    const text = told.map((each) => (typeof each === 'string' ? each : inspect(each, { depth: 10 }))).join('\n');

    expect(text).toContain('reuse');
    expect(text).toContain('[redacted]');
    const secrets = [first, second!, third!].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken!]);
    for (const secret of [...secrets, ...digests]) expect(text).not.toContain(secret);
  });
});

async function digestsOf(t: TestApp): Promise<string[]> {
  const names = [
    'access_token_hash',
    'refresh_token_hash',
    'refresh_family_hash',
    'previous_refresh_token_hash',
    'rotation_salt',
  ];
  return (await t.rows()).flatMap((row) => names.map((name) => row[name])).filter((value) => typeof value === 'string');
}
