import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyConfigurationError, AuthentifyModule, authTokenEntity } from 'nestjs-authentify';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkEngine } from '../../lib/store/engine.js';
import { User } from '../support/users.js';

// Such servers cannot be installed on a test machine; what TypeORM makes of their options is real.
const cockroach = (): DataSource => new DataSource({ type: 'cockroachdb', driver: pg } as DataSourceOptions);
const zero = async (): Promise<number> => 0;

describe('a kind of database', () => {
  let warnings: string[];

  beforeEach(() => {
    warnings = [];
    Logger.overrideLogger({ log: () => {}, error: () => {}, warn: (message: string) => warnings.push(message) });
  });
  afterEach(() => Logger.overrideLogger(false));

  it('that nobody has tried is told of once for each data source, with the page that says what is known', async () => {
    const dataSource = cockroach();
    await checkEngine(dataSource, zero);
    await checkEngine(dataSource, zero);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('type cockroachdb, only on postgres, mariadb, mysql, better-sqlite3, sqljs.');
    expect(warnings[0]).toContain('docs/reference/databases.md');
    await checkEngine(cockroach(), zero);
    expect(warnings).toHaveLength(2);
  });

  it('that was tried is not told of, and not asked', async () => {
    await checkEngine(new DataSource({ type: 'postgres', driver: pg }), () => Promise.reject(new Error('asked')));
    expect(warnings).toEqual([]);
  });

  it('whose driver does not tell how many rows a statement changed stops the boot (R30)', async () => {
    await expect(checkEngine(cockroach(), async () => undefined)).rejects.toThrow(
      /dataSource is of the type cockroachdb, whose driver does not report how many rows a statement changed/,
    );
  });

  it('without SQL stops the boot, and the remedy is said', async () => {
    const driver = { MongoClient: { connect: async () => ({ close: async () => {} }) } };
    const app = Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'mongodb',
          driver,
          entities: [User, authTokenEntity(() => User)],
          retryAttempts: 0,
        }),
        AuthentifyModule.forRoot({ userEntity: User }),
      ],
    });
    const boot = app.compile().then((module) => module.init());
    await expect(boot).rejects.toBeInstanceOf(AuthentifyConfigurationError);
    await expect(boot).rejects.toThrow(/dataSource is of the type mongodb, which has no SQL; give the sessions a/);
  });
});
