import { Logger } from '@nestjs/common';
import type { DataSourceOptions } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE, ONE_CONNECTION } from '../support/database.js';

interface Field {
  type: string;
  length: number;
  string(): string | null;
}

const INTEGERS = new Set(['TINY', 'SHORT', 'LONG', 'LONGLONG', 'INT24']);
const MARIADB: Record<string, object> = {
  'a typeCast that reads integers as text': {
    extra: {
      typeCast: (field: Field, next: () => unknown) => (INTEGERS.has(field.type) ? field.string() : next()),
    },
  },
  'a typeCast that makes booleans': {
    extra: {
      typeCast: (field: Field, next: () => unknown) =>
        field.type === 'TINY' && field.length === 1 ? field.string() === '1' : next(),
    },
  },
  'typeCast: true': { extra: { typeCast: true } },
  dateStrings: { dateStrings: true },
  'supportBigNumbers: false': { supportBigNumbers: false, bigNumberStrings: false },
  'bigNumberStrings: false': { bigNumberStrings: false },
  decimalNumbers: { extra: { decimalNumbers: true } },
  jsonStrings: { extra: { jsonStrings: true } },
  namedPlaceholders: { extra: { namedPlaceholders: true } },
  multipleStatements: { multipleStatements: true },
  enableQueryTimeout: { enableQueryTimeout: true, maxQueryExecutionTime: 20_000 },
};

/** A client's own parsers: 20 is int8, 23 int4. */
const typesWith = (parse: (text: string) => unknown): object => ({
  getTypeParser: (oid: number) =>
    oid === 20 || oid === 23 ? parse : oid === 16 ? (text: string) => text === 't' : String,
});
const POSTGRES: Record<string, object> = {
  'types that read integers as BigInt': { extra: { types: typesWith(BigInt) } },
  'types that read integers as numbers': { extra: { types: typesWith(Number) } },
  parseInt8: { parseInt8: true },
  statement_timeout: { extra: { statement_timeout: 20_000 } },
  query_timeout: { extra: { query_timeout: 20_000 } },
};

const settings = Object.entries({ mariadb: MARIADB, postgres: POSTGRES }[DATABASE] ?? {});

describe.skipIf(settings.length === 0)('a setting of the driver', () => {
  let apps: TestApp[] = [];
  afterEach(async () => {
    for (const app of apps.toReversed()) await app.close();
    apps = [];
  });

  it.each(settings)('changes nothing about prepared statements: %s', async (_name, dataSource) => {
    const prepared = await startApp({ dataSource: dataSource as Partial<DataSourceOptions> });
    apps.push(prepared);
    const text = await startApp({ beside: prepared, options: { preparedStatements: false } });
    const user = await prepared.createUser();
    let session = await prepared.tokens.generateHeaderToken(user, { context: { device: 'a' } });
    for (const [one, other] of [
      [prepared, text],
      [text, prepared],
    ] as const) {
      const seen = [
        await one.tokens.verifyToken(session.accessToken),
        await other.tokens.verifyToken(session.accessToken),
      ];
      expect(seen[0]).not.toBeNull();
      expect(seen[0]).toEqual(seen[1]);
      expect(seen[0]!.user).toEqual(seen[1]!.user);
      session = (await one.tokens.refreshToken(session.refreshToken!))!;
    }
    expect(await prepared.tokens.listUserTokens(user)).toHaveLength(1);
    expect(await prepared.tokens.revokeUserToken(user, session.token.id)).toBe(1);
    expect(await prepared.tokens.verifyToken(session.accessToken)).toBeNull();
  });
});

const MISREADING: Record<string, object> = {
  mariadb: { extra: { typeCast: (field: Field, next: () => unknown) => (field.type === 'LONGLONG' ? 7 : next()) } },
  postgres: { extra: { binary: true } },
};

describe.skipIf(!(DATABASE in MISREADING))('R72: a setting by which the driver reads other instants', () => {
  it('stops the boot', async () => {
    const dataSource = MISREADING[DATABASE] as Partial<DataSourceOptions>;
    await expect(startApp({ dataSource })).rejects.toThrow(/dataSource has settings by which .* 64-bit integers/);
  });
});

describe.skipIf(DATABASE !== 'mariadb')('a server that prepares no more statements', () => {
  it('is sent texts, on the connections that need it, and told once', async () => {
    const t = await startApp({ dataSource: ONE_CONNECTION });
    const warnings: string[] = [];
    Logger.overrideLogger({ log() {}, error() {}, warn: (told: unknown) => warnings.push(String(told)) });
    const { pool } = t.dataSource.driver as unknown as {
      pool: { on(event: 'acquire', listener: (connection: Record<string, unknown>) => void): void };
    };
    // The limit is the server's, and others use it: the answer of a server that has reached it.
    pool.on('acquire', (connection) => {
      connection.execute = (_query: unknown, done: (error: Error) => void) =>
        done(Object.assign(new Error("Can't create more than max_prepared_stmt_count statements"), { errno: 1461 }));
    });
    try {
      const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
      expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
      expect(await t.tokens.refreshToken(refreshToken!)).not.toBeNull();
      expect(warnings.filter((told) => told.includes('max_prepared_stmt_count'))).toHaveLength(1);
    } finally {
      Logger.overrideLogger(false);
      await t.close();
    }
  });
});
