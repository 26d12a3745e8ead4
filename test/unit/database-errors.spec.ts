import { AuthentifyUnavailableError, AuthentifyUserNotFoundError } from 'nestjs-authentify';
import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { DuplicateDigestError, runStatement } from '../../lib/tokens/database-errors.js';

const failure = (driverError: object): QueryFailedError =>
  new QueryFailedError('SELECT secret', ['secret'], Object.assign(new Error('Key (x)=(secret) exists'), driverError));

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

describe('a statement that fails', () => {
  it.each([
    { code: '40001' },
    { code: '40P01' },
    { code: '55P03' },
    { code: 'ER_LOCK_DEADLOCK', errno: 1213 },
    { code: 'ER_LOCK_WAIT_TIMEOUT', errno: 1205 },
    { code: 'ER_CHECKREAD', errno: 1020 },
    { code: 'SQLITE_BUSY' },
    { code: 'SQLITE_BUSY_SNAPSHOT' },
  ])('R36: is sent again after $code', async (driverError) => {
    const { statement, calls } = failing(2, failure(driverError));
    expect(await runStatement(statement)).toBe('answer');
    expect(calls()).toBe(3);
  });

  it('R36: becomes a 503 after the fifth try', async () => {
    const { statement, calls } = failing(9, failure({ code: '40001' }));
    await expect(runStatement(statement)).rejects.toThrow(AuthentifyUnavailableError);
    expect(calls()).toBe(5);
  });

  it.each([
    [{ code: 'ECONNREFUSED', errno: -111 }, AuthentifyUnavailableError],
    [{ code: '57P01' }, AuthentifyUnavailableError],
    [{}, AuthentifyUnavailableError],
    [{ code: '23505' }, DuplicateDigestError],
    [{ code: 'ER_DUP_ENTRY', errno: 1062 }, DuplicateDigestError],
    [{ code: '23503' }, AuthentifyUserNotFoundError],
    [{ code: '22P02' }, RangeError],
  ])('R63: %j is told at once, without what the driver said', async (driverError, type) => {
    const { statement, calls } = failing(1, failure(driverError));
    const error = await runStatement(statement).then(
      () => null,
      (reason: unknown) => reason as Error,
    );
    const cause = error?.cause as Error;
    expect(error).toBeInstanceOf(type);
    expect(calls()).toBe(1);
    expect(`${error?.message} ${cause.message} ${cause.stack}`).not.toContain('secret');
  });
});
