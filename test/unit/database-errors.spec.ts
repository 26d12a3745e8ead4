import { Logger } from '@nestjs/common';
import { AuthentifyUnavailableError, AuthentifyUserNotFoundError } from 'nestjs-authentify';
import { type DataSource, QueryFailedError } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DuplicateDigestError } from '../../lib/sessions/session-store.js';
import { isLost, isUnanswered, runStatement } from '../../lib/store/database-errors.js';
import { onConnection } from '../../lib/store/drivers/typeorm.js';
import { type Fault, faultOf } from '../../lib/store/error-codes.js';

type Type = DataSource['options']['type'];

const failure = (driverError: object): QueryFailedError =>
  new QueryFailedError('SELECT secret', ['secret'], Object.assign(new Error('Key (x)=(secret) exists'), driverError));
const source = (type: Type) => ({ options: { type } });

/** A statement that fails so often before it answers. */
function failing(times: number, error: Error): { statement: () => Promise<string>; calls: () => number } {
  let calls = 0;
  return {
    calls: () => calls,
    statement: async () => {
      calls += 1;
      if (calls <= times) throw error;
      return 'answer';
    },
  };
}

async function refusal(type: Type, driverError: object): Promise<[error: Error, calls: number]> {
  const { statement, calls } = failing(1, failure(driverError));
  const error = await runStatement(source(type), statement).then(
    () => new Error('none'),
    (reason: unknown) => reason as Error,
  );
  return [error, calls()];
}

describe('a statement that fails', () => {
  it.each<[Type, object]>([
    ['postgres', { code: '40001' }],
    ['postgres', { code: '40P01' }],
    ['postgres', { code: '55P03' }],
    ['cockroachdb', { code: '40001' }],
    ['mysql', { code: 'ER_LOCK_DEADLOCK', errno: 1213 }],
    ['mariadb', { code: 'ER_LOCK_WAIT_TIMEOUT', errno: 1205 }],
    ['mariadb', { code: 'ER_CHECKREAD', errno: 1020 }],
    // TiDB: a write conflict, a commit that may be retried, and a schema that changed meanwhile.
    ['mysql', { code: undefined, errno: 9007, sqlState: 'HY000' }],
    ['mysql', { code: undefined, errno: 8022, sqlState: 'HY000' }],
    ['mysql', { code: undefined, errno: 8028, sqlState: 'HY000' }],
    ['better-sqlite3', { code: 'SQLITE_BUSY' }],
    ['better-sqlite3', { code: 'SQLITE_BUSY_SNAPSHOT' }],
    ['sqlite' as Type, { code: 'SQLITE_BUSY', errno: 5 }],
    ['mssql', { code: 'EREQUEST', number: 1205 }],
    ['mssql', { code: 'EREQUEST', number: 1222 }],
    ['oracle', { code: 'ORA-00060', errorNum: 60 }],
    ['oracle', { errorNum: 8177 }],
  ])('R36: is sent again on %s after %j', async (type, driverError) => {
    const { statement, calls } = failing(2, failure(driverError));
    expect(await runStatement(source(type), statement)).toBe('answer');
    expect(calls()).toBe(3);
  });

  it('R36: becomes a 503 after the fifth try', async () => {
    const { statement, calls } = failing(9, failure({ code: '40001' }));
    await expect(runStatement(source('postgres'), statement)).rejects.toThrow(AuthentifyUnavailableError);
    expect(calls()).toBe(5);
  });

  it.each<[Type, object, new (...given: never[]) => Error]>([
    ['postgres', { code: 'ECONNREFUSED', errno: -111 }, AuthentifyUnavailableError],
    ['postgres', { code: '57P01' }, AuthentifyUnavailableError],
    ['postgres', {}, AuthentifyUnavailableError],
    ['postgres', { code: '25006' }, AuthentifyUnavailableError],
    ['postgres', { code: '23505' }, DuplicateDigestError],
    ['postgres', { code: '23503' }, AuthentifyUserNotFoundError],
    ['postgres', { code: '22P02' }, RangeError],
    // The database does not know whether it committed.
    ['cockroachdb', { code: '40003' }, AuthentifyUnavailableError],
    ['mysql', { code: 'ER_DUP_ENTRY', errno: 1062 }, DuplicateDigestError],
    ['mysql', { code: 'ER_NO_REFERENCED_ROW_2', errno: 1452 }, AuthentifyUserNotFoundError],
    ['better-sqlite3', { code: 'SQLITE_CONSTRAINT_UNIQUE' }, DuplicateDigestError],
    ['sqljs', { message: 'database disk image is malformed' }, AuthentifyUnavailableError],
    ['sqljs', { message: 'UNIQUE constraint failed: secret' }, DuplicateDigestError],
    // One number, two engines: sqlite3 counts by itself, SQL Server and MySQL each by their own.
    ['sqlite' as Type, { code: 'SQLITE_CONSTRAINT', errno: 1062 }, AuthentifyUnavailableError],
    ['mysql', { errno: 2627, sqlState: 'HY000' }, AuthentifyUnavailableError],
    ['mssql', { code: 'EREQUEST', number: 1213 }, AuthentifyUnavailableError],
    ['mssql', { code: 'EREQUEST', number: 2627 }, DuplicateDigestError],
    ['mssql', { code: 'EREQUEST', number: 547 }, AuthentifyUserNotFoundError],
    ['oracle', { code: 'ORA-00001', errorNum: 1 }, DuplicateDigestError],
    ['oracle', { errorNum: 2291 }, AuthentifyUserNotFoundError],
    ['oracle', { errorNum: 1722 }, RangeError],
  ])('R63: on %s %j is told at once, without what the driver said', async (type, driverError, expected) => {
    const [error, calls] = await refusal(type, driverError);
    const cause = error.cause as Error;
    expect(error).toBeInstanceOf(expected);
    expect(calls).toBe(1);
    expect(`${error.message} ${cause.message} ${cause.stack}`).not.toContain('secret');
  });

  it('hints at a lock of one’s own on MySQL only: 1205 is something else on SQL Server', async () => {
    const codes: [Type, object][] = [
      ['mysql', { code: 'ER_LOCK_WAIT_TIMEOUT', errno: 1205 }],
      ['mssql', { code: 'EREQUEST', number: 1205 }],
    ];
    const hints = codes.map(async ([type, driverError]) => {
      const { statement } = failing(9, failure(driverError));
      const error = await runStatement(source(type), statement).catch((reason: unknown) => reason);
      return String((error as Error).cause).includes('{ manager }');
    });
    expect(await Promise.all(hints)).toEqual([true, false]);
  });
});

describe('what the log says of a statement that will fail for good', () => {
  const told: string[] = [];
  beforeAll(() => void vi.spyOn(Logger.prototype, 'error').mockImplementation((text: string) => void told.push(text)));
  afterAll(() => void vi.restoreAllMocks());
  const toldOf = async (type: Type, driverError: object): Promise<string> => {
    await refusal(type, driverError);
    return told.at(-1)!;
  };

  it.each<[Type, object]>([
    ['postgres', { code: '23502', message: 'null value in column "tenant" of relation "auth_tokens" violates' }],
    ['mysql', { errno: 1364, message: "Field 'tenant' doesn't have a default value" }],
    ['mariadb', { errno: 1048, message: "Column 'tenant' cannot be null" }],
    ['sqljs', { message: 'NOT NULL constraint failed: auth_tokens.tenant' }],
    [
      'better-sqlite3',
      { code: 'SQLITE_CONSTRAINT_NOTNULL', message: 'NOT NULL constraint failed: auth_tokens.tenant' },
    ],
  ])('R62: on %s after %j names the column that nobody fills', async (type, driverError) => {
    expect(await toldOf(type, driverError)).toMatch(/tenant demands a value that no session has\. Give the column/);
  });

  it.each<[Type, object]>([
    ['postgres', { code: '42501' }],
    ['mysql', { errno: 1142 }],
    ['mssql', { number: 229 }],
    ['oracle', { errorNum: 1031 }],
  ])('R62: on %s after %j says which rights are needed', async (type, driverError) => {
    expect(await toldOf(type, driverError)).toMatch(/user needs SELECT, INSERT, UPDATE and DELETE/);
  });

  it('R63: where a subscriber of the app threw, but not what', async () => {
    const thrown = await toldOf('postgres', {});
    expect(thrown).toMatch(/^The database cannot answer: The database driver failed, at .*database-errors\.spec\.ts/);
    expect(thrown).not.toContain('secret');
  });
});

describe('the connection of a statement that failed', () => {
  it.each<[Type, object, Fault | undefined]>([
    // The server did not answer.
    ['postgres', { message: 'Query read timeout' }, 'lost'],
    ['postgres', { code: 'ECONNRESET', errno: -104 }, 'lost'],
    ['postgres', { code: 'EPIPE', errno: -32 }, 'lost'],
    ['mysql', { code: 'PROTOCOL_SEQUENCE_TIMEOUT' }, 'lost'],
    ['mysql', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }, 'lost'],
    ['mysql', { code: 'ECONNRESET', errno: -104 }, 'lost'],
    // The server ends it.
    ['postgres', { code: '57P01' }, 'lost'],
    ['postgres', { code: '57P05' }, 'lost'],
    ['postgres', { code: '08P01' }, 'lost'],
    ['mysql', { errno: 1053 }, 'lost'],
    ['mariadb', { errno: 1927 }, 'lost'],
    ['mariadb', { errno: 1047 }, 'lost'],
    // It writes nothing.
    ['postgres', { code: '25006' }, 'read-only'],
    ['mysql', { errno: 1290 }, 'read-only'],
    ['mysql', { errno: 1792 }, 'read-only'],
    ['mysql', { errno: 1836 }, 'read-only'],
    // It answered.
    ['postgres', { code: '23505' }, undefined],
    ['postgres', { code: '40001' }, undefined],
    ['postgres', { code: '57014' }, undefined],
    ['mysql', { errno: 1062 }, undefined],
    ['mysql', { errno: 1317 }, undefined],
  ])('R72: on %s after %j is %s', (type, driverError, fault) => {
    expect(faultOf(source(type), failure(driverError))).toBe(fault);
  });
});

describe('a statement whose connection failed', () => {
  /** A pool that gives this connection, or none. */
  const poolOf = (connect: () => Promise<object>) =>
    ({ ...source('postgres'), driver: {}, createQueryRunner: () => ({ connect, release: async () => {} }) }) as never;
  const outcomeOf = async (connect: () => Promise<object>, work: () => Promise<never>) => {
    const dataSource = poolOf(connect);
    const error: unknown = await runStatement(dataSource, () => onConnection(dataSource, work)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(AuthentifyUnavailableError);
    return { isLost: isLost(error), isUnanswered: isUnanswered(error) };
  };
  const reset = Object.assign(new Error('reset'), { code: 'ECONNRESET' });

  it('R46: may have been done once it was sent', async () => {
    const outcome = await outcomeOf(
      () => Promise.resolve({}),
      () => Promise.reject(failure(reset)),
    );
    expect(outcome).toEqual({ isLost: true, isUnanswered: true });
  });

  it('R46: was not done where there was no connection to send it on', async () => {
    const outcome = await outcomeOf(
      () => Promise.reject(reset),
      () => Promise.reject(new Error('sent without a connection')),
    );
    expect(outcome).toEqual({ isLost: true, isUnanswered: false });
  });
});
