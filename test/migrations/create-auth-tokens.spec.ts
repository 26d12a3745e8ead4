import type { Type } from '@nestjs/common';
import { authTokenEntity } from 'nestjs-authentify';
import { createAuthTokens } from 'nestjs-authentify/migrations';
import {
  DataSource,
  DefaultNamingStrategy,
  type MixedList,
  type NamingStrategyInterface,
  type QueryRunner,
  Table,
} from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { createDatabase, DATABASE, type TestDatabase } from '../support/database.js';
import { KEYS } from '../support/keyed-users.js';

let database: TestDatabase;
let dataSource: DataSource;

afterEach(async () => {
  await dataSource.destroy();
  await database.drop();
});

async function connect(
  entities: Type<unknown>[],
  migrations: MixedList<Type<unknown>>,
  namingStrategy: NamingStrategyInterface = new DefaultNamingStrategy(),
): Promise<void> {
  database = await createDatabase();
  const options = { ...database.options, entities, migrations: migrations as Type<unknown>[], namingStrategy };
  dataSource = await new DataSource(options).initialize();
}

/** What TypeORM would change to make the tables fit the entities. */
async function drift(): Promise<string[]> {
  const { upQueries, downQueries } = await dataSource.driver.createSchemaBuilder().log();
  return [...upQueries, ...downQueries].map(({ query }) => query);
}

async function withRunner<T>(work: (queryRunner: QueryRunner) => Promise<T>): Promise<T> {
  const queryRunner = dataSource.createQueryRunner();
  try {
    return await work(queryRunner);
  } finally {
    await queryRunner.release();
  }
}

describe.each(KEYS)('the shipped migration, for users with %s keys', (_, userEntity) => {
  it('makes what the entity describes, to the last index name, and takes it away again', async () => {
    class CreateAuthTokens1767225600000 extends createAuthTokens({ userTable: 'users' }) {}
    await connect([userEntity, authTokenEntity(() => userEntity)], [CreateAuthTokens1767225600000]);
    const users = Table.create(dataSource.getMetadata(userEntity), dataSource.driver);
    await withRunner((queryRunner) => queryRunner.createTable(users));
    expect(await drift()).not.toEqual([]);

    const done = await dataSource.runMigrations();
    expect(done.map(({ name }) => name)).toEqual(['CreateAuthTokens1767225600000']);
    expect(await drift()).toEqual([]);

    await dataSource.undoLastMigration();
    expect(await withRunner((queryRunner) => queryRunner.hasTable('auth_tokens'))).toBe(false);
    expect(await withRunner((queryRunner) => queryRunner.hasTable('users'))).toBe(true);

    await dataSource.runMigrations();
    expect(await drift()).toEqual([]);
  });
});

describe.runIf(DATABASE === 'postgres')('the shipped migration on PostgreSQL', () => {
  it('leaves room in each page for another version of a row, which TypeORM does not mind', async () => {
    const [, userEntity] = KEYS[0]!;
    class CreateAuthTokens1767225600000 extends createAuthTokens({ userTable: 'users' }) {}
    await connect([userEntity, authTokenEntity(() => userEntity)], [CreateAuthTokens1767225600000]);
    const users = Table.create(dataSource.getMetadata(userEntity), dataSource.driver);
    await withRunner((queryRunner) => queryRunner.createTable(users));
    await dataSource.runMigrations();

    const { tablePath } = dataSource.getMetadata(authTokenEntity(() => userEntity));
    const stored = await dataSource.query('SELECT reloptions FROM pg_class WHERE oid = $1::regclass', [tablePath]);
    expect(stored).toEqual([{ reloptions: ['fillfactor=95'] }]);
    expect(await drift()).toEqual([]);
  });
});

describe('the shipped migration', () => {
  it.each([
    ['in capitals', (name: string) => name.toUpperCase()],
    ['with a prefix', (name: string) => `app_${name}`],
  ])('names all as the entity does where the naming strategy writes given names %s', async (_, rename) => {
    class Renaming extends DefaultNamingStrategy {
      override tableName = (target: string, given: string | undefined) => rename(given ?? target);
      override columnName = (property: string, given: string | undefined) => rename(given ?? property);
    }
    const [, userEntity] = KEYS[0]!;
    class CreateAuthTokens1767225600000 extends createAuthTokens({ userTable: rename('users') }) {}
    const entities = [userEntity, authTokenEntity(() => userEntity)];
    await connect(entities, [CreateAuthTokens1767225600000], new Renaming());
    const users = Table.create(dataSource.getMetadata(userEntity), dataSource.driver);
    await withRunner((queryRunner) => queryRunner.createTable(users));
    await dataSource.runMigrations();
    expect(await drift()).toEqual([]);
    await dataSource.undoLastMigration();
  });

  it('says what is missing where there are no users yet', async () => {
    class TooEarly1767225600000 extends createAuthTokens({ userTable: 'people' }) {}
    await connect([], [TooEarly1767225600000]);

    await expect(dataSource.runMigrations()).rejects.toThrow('needs a table "people" with a primary key of one column');
  });

  it('says so where the users’ key is not one column', async () => {
    class Composite1767225600000 extends createAuthTokens({ userTable: 'people' }) {}
    await connect([], [Composite1767225600000]);
    const column = (name: string) => ({ name, type: 'int', isPrimary: true });
    await withRunner((queryRunner) =>
      queryRunner.createTable(new Table({ name: 'people', columns: [column('tenant'), column('number')] })),
    );

    await expect(dataSource.runMigrations()).rejects.toThrow('with a primary key of one column');
  });
});
