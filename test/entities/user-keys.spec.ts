import type { Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  type AbstractAuthToken,
  AuthentifyEvents,
  AuthentifyModule,
  AuthentifyUserNotFoundError,
  authTokenEntity,
  SessionWatcher,
  TokenService,
  type UserId,
} from 'nestjs-authentify';
import {
  Column,
  type ColumnOptions,
  DataSource,
  Entity,
  PrimaryColumn,
  type Repository,
  type Table,
  type TableColumn,
} from 'typeorm';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDatabase, createDatabaseIn, DATABASE, type TestDatabase } from '../support/database.js';
import { BIG, BigintUser, IntUser, type Keyed, KEYS, UuidUser, VarcharUser } from '../support/keyed-users.js';

const NOW = Date.UTC(2026, 0, 15, 12);

@Entity('users')
class RenamedUser {
  @PrimaryColumn({ type: 'varchar', length: 20, name: 'login_name' })
  name!: string;

  @Column({ type: 'int', default: 0 })
  id!: number;
}

interface Fixture<TUser extends object> {
  app: TestingModule;
  dataSource: DataSource;
  tokens: TokenService<AbstractAuthToken<TUser>>;
  users: Repository<TUser>;
  rows: Repository<AbstractAuthToken<TUser>>;
  close(): Promise<void>;
}

async function start<TUser extends object>(
  userEntity: Type<TUser>,
  keepExpiredTokens = true,
  database?: TestDatabase,
): Promise<Fixture<TUser>> {
  database ??= await createDatabase();
  const tokenEntity = authTokenEntity(() => userEntity);
  const app = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        ...database.options,
        entities: [userEntity, tokenEntity],
        synchronize: true,
        retryAttempts: 0,
      }),
      AuthentifyModule.forRoot({ userEntity, keepExpiredTokens }),
    ],
  }).compile();
  await app.init();
  const dataSource = app.get(DataSource);
  return {
    app,
    dataSource,
    tokens: app.get<TokenService<AbstractAuthToken<TUser>>>(TokenService),
    users: dataSource.getRepository(userEntity),
    rows: dataSource.getRepository(tokenEntity),
    close: async () => {
      await app.close();
      await database.drop();
    },
  };
}

describe.each(KEYS)('users with %s keys', (_, userEntity, identities) => {
  let t: Fixture<Keyed>;
  let ann: Keyed;
  let bob: Keyed;

  beforeAll(async () => {
    t = await start(userEntity);
    const [one, other] = identities().map((identity) => t.users.create(identity));
    await t.users.insert(one!);
    await t.users.insert(other!);
    // As TypeORM hands them out: sql.js makes numbers of bigint keys, the server databases strings.
    ann = await t.users.findOneByOrFail({ id: one!.id });
    bob = await t.users.findOneByOrFail({ id: other!.id });
  });
  afterAll(() => t.close());

  async function tables(): Promise<{ users: Table; tokens: Table }> {
    const runner = t.dataSource.createQueryRunner();
    try {
      const [users, tokens] = await Promise.all(
        [t.users, t.rows].map(({ metadata }) => runner.getTable(metadata.tablePath)),
      );
      return { users: users!, tokens: tokens! };
    } finally {
      await runner.release();
    }
  }
  const typeOf = ({ type, length, unsigned }: TableColumn) => ({ type, length, unsigned });

  it('make user_id a foreign key of exactly the type of their key', async () => {
    const { users, tokens } = await tables();
    expect(typeOf(tokens.findColumnByName('user_id')!)).toEqual(typeOf(users.findColumnByName('id')!));
    expect(tokens.findColumnByName('user_id')!.isNullable).toBe(false);
    expect(tokens.foreignKeys).toHaveLength(1);
    expect(tokens.foreignKeys[0]).toMatchObject({
      columnNames: ['user_id'],
      referencedColumnNames: ['id'],
      onDelete: 'CASCADE',
    });
  });

  it('R4: index the token table by login, by user and login, by what pruning looks for, and uniquely on the access and family digest only', async () => {
    const { tokens } = await tables();
    const indexed = (unique: boolean) =>
      tokens.indices
        .filter(({ isUnique }) => isUnique === unique)
        .map(({ columnNames }) => columnNames.toSorted().join())
        .toSorted();
    expect(indexed(true)).toEqual(['access_token_hash', 'refresh_family_hash']);
    expect(indexed(false)).toEqual(['created_at', 'created_at,user_id', 'prune_at', 'rotation_salt']);
    expect(tokens.primaryColumns.map(({ name }) => name)).toEqual(['id']);
  });

  it('leave nothing for a migration to change once the tables are there', async () => {
    const pending = await t.dataSource.driver.createSchemaBuilder().log();
    expect(pending.upQueries.map(({ query }) => query)).toEqual([]);
    expect(pending.downQueries).toEqual([]);
  });

  it('R66: are who userId says, as TypeORM hands out their key, from login to list', async () => {
    const issued = await t.tokens.generateHeaderToken(ann);
    const verified = await t.tokens.verifyToken(issued.accessToken);
    const refreshed = await t.tokens.refreshToken(issued.refreshToken!);
    const listed = await t.tokens.listUserTokens(ann);
    const found = await t.rows.findOneByOrFail({ id: issued.token.id });

    for (const token of [issued.token, verified, refreshed?.token, listed[0], found]) {
      expect(token?.userId).toBe(ann.id);
    }
    expect(verified?.user).toBeInstanceOf(userEntity);
    expect(verified?.user.id).toBe(ann.id);
    await t.tokens.revokeAllUserTokens(ann);
  });

  it.each([
    ['by entity', (user: Keyed) => user],
    ['by a part of it that holds the key', ({ id }: Keyed) => ({ id })],
    ['by key', ({ id }: Keyed) => id],
  ])('can log in, be listed, and be logged out %s', async (__, given) => {
    vi.useFakeTimers({ toFake: ['Date'], now: NOW });
    const mine = [await t.tokens.generateHeaderToken(given(ann))];
    vi.setSystemTime(NOW + 1);
    mine.push(await t.tokens.generateCookieToken(given(ann)));
    const [first, second] = mine.map(({ token }) => token);
    const foreign = await t.tokens.generateHeaderToken(given(bob));

    const listed = await t.tokens.listUserTokens(given(ann));
    expect(listed.map(({ id }) => id)).toEqual([second!.id, first!.id]);

    expect(await t.tokens.revokeUserToken(given(ann), foreign.token.id)).toBe(0);
    expect(await t.tokens.revokeUserToken(given(ann), first!.id)).toBe(1);
    expect(await t.tokens.revokeUserToken(given(ann), first!.id)).toBe(0);
    expect(await t.tokens.verifyToken(mine[0]!.accessToken)).toBeNull();

    expect(await t.tokens.revokeAllUserTokens(given(ann), { except: second! })).toBe(0);
    expect(await t.tokens.revokeAllExpiredUserTokens(given(ann))).toBe(0);
    expect(await t.tokens.revokeAllUserTokens(given(ann))).toBe(1);
    expect(await t.tokens.listUserTokens(given(ann))).toEqual([]);

    expect(await t.tokens.verifyToken(foreign.accessToken)).toMatchObject({ userId: bob.id });
    expect(await t.tokens.revokeAllUserTokens(given(bob))).toBe(1);
  });

  it('R51: take their sessions with them when they are deleted, and nobody else’s', async () => {
    const { id } = await t.users.save(
      userEntity === VarcharUser || userEntity === BigintUser ? { id: '77' } : ({} as Keyed),
    );
    const { accessToken } = await t.tokens.generateHeaderToken(id);
    const { token: kept } = await t.tokens.generateHeaderToken(bob);

    await t.users.delete({ id });

    expect(await t.tokens.verifyToken(accessToken)).toBeNull();
    expect((await t.rows.find()).map((row) => row.id)).toContain(kept.id);
    expect((await t.rows.find()).map((row) => row.userId)).not.toContain(id);
    await expect(t.tokens.generateHeaderToken(id)).rejects.toThrow(AuthentifyUserNotFoundError);
    await t.tokens.revokeAllUserTokens(bob);
  });
});

/** The ids this call gives, or none where it refuses the key. */
async function idsOrRefusal(call: () => Promise<AbstractAuthToken<object>[]>): Promise<string[]> {
  try {
    return (await call()).map(({ id }) => id);
  } catch (error) {
    expect(error instanceof TypeError || error instanceof RangeError, String(error)).toBe(true);
    return [];
  }
}

describe('R66: a key of the wrong type', () => {
  it.each<{ type: string; userEntity: Type<Keyed>; id: string; number: number }>([
    { type: 'varchar', userEntity: VarcharUser, id: '1st', number: 0 },
    { type: 'varchar', userEntity: VarcharUser, id: '1st', number: 1 },
    { type: 'varchar', userEntity: VarcharUser, id: 'ann', number: 0 },
    { type: 'uuid', userEntity: UuidUser, id: '1abcdefa-0000-4000-8000-000000000000', number: 0 },
    { type: 'uuid', userEntity: UuidUser, id: '1abcdefa-0000-4000-8000-000000000000', number: 1 },
  ])(
    'never reaches sessions of users with $type keys: $number is no key of $id',
    async ({ userEntity, id, number }) => {
      const t = await start(userEntity);
      try {
        await t.users.insert({ id });
        const { accessToken, token } = await t.tokens.generateHeaderToken(id);

        expect(await idsOrRefusal(() => t.tokens.listUserTokens(number))).toEqual([]);
        expect(await t.tokens.revokeUserToken(number, token.id).catch(() => 0)).toBe(0);
        expect(await t.tokens.revokeAllUserTokens(number).catch(() => 0)).toBe(0);
        expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
      } finally {
        await t.close();
      }
    },
  );

  it('never reaches sessions of users with int keys', async () => {
    const t = await start(IntUser);
    try {
      const user = await t.users.save({});
      const { accessToken, token } = await t.tokens.generateHeaderToken(user);

      for (const word of [`${user.id}abc`, `${user.id} OR 1=1`, `${user.id}; --`, '0x1']) {
        expect(await idsOrRefusal(() => t.tokens.listUserTokens(word))).toEqual([]);
        expect(await t.tokens.revokeUserToken(word, token.id).catch(() => 0)).toBe(0);
        expect(await t.tokens.revokeAllUserTokens(word).catch(() => 0)).toBe(0);
        expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
      }
    } finally {
      await t.close();
    }
  });

  it('opens no session and is no outage', async () => {
    const t = await start(IntUser);
    try {
      const user = await t.users.save({});
      for (const word of ['ann', `${user.id}abc`, `${user.id}.5`]) {
        const failure: unknown = await t.tokens.generateHeaderToken(word).catch((error: unknown) => error);
        const refused =
          failure instanceof TypeError ||
          failure instanceof RangeError ||
          failure instanceof AuthentifyUserNotFoundError;
        expect(refused, `${word}: ${String(failure)}`).toBe(true);
      }
      expect(await t.rows.count()).toBe(0);
    } finally {
      await t.close();
    }
  });
});

describe('a key given in another type that means the same', () => {
  it('opens a session whose userId is as TypeORM hands it out: int', async () => {
    const t = await start(IntUser);
    try {
      const user = await t.users.save({});
      const { token } = await t.tokens.generateHeaderToken(String(user.id));
      expect(token.userId).toBe(user.id);
      expect(await t.tokens.listUserTokens(String(user.id))).toHaveLength(1);
    } finally {
      await t.close();
    }
  });

  it('opens a session whose userId is as TypeORM hands it out: bigint', async () => {
    const t = await start(BigintUser);
    try {
      await t.users.insert({ id: BIG });
      const stored = await t.users.findOneByOrFail({ id: BIG });
      const { token } = await t.tokens.generateHeaderToken(BigInt(BIG) as never);
      expect(token.userId).toBe(stored.id);
      expect(await t.tokens.listUserTokens(BigInt(BIG) as never)).toHaveLength(1);
      expect(await t.tokens.revokeAllUserTokens(BigInt(BIG) as never)).toBe(1);
    } finally {
      await t.close();
    }
  });
});

/** What these calls make of a user who is given in some spelling, and what they tell. */
async function useOf(t: Fixture<Keyed>, given: UserId): Promise<void> {
  const user = await t.users.findOneByOrFail({});
  const told: unknown[] = [];
  const events = t.app.get(AuthentifyEvents).subscribe((event) => {
    if (event.type === 'issued' || event.type === 'revoked') told.push(event.userId);
  });
  const { token, accessToken } = await t.tokens.generateHeaderToken(given);
  const kept = await t.tokens.generateHeaderToken(given);
  expect((await t.tokens.verifyToken(accessToken))?.user).toEqual(user);
  expect((await t.tokens.listUserTokens(given)).map(({ id }) => id)).toContain(token.id);
  expect(await t.tokens.revokeUserToken(given, token.id)).toBe(1);

  const over: unknown[] = [];
  const watched = await t.tokens.verifyToken(kept.accessToken);
  const watch = t.app
    .get(SessionWatcher)
    .ended(watched!)
    .subscribe((reason) => over.push(reason));
  await t.app.get(SessionWatcher).check(watched!);
  expect(await t.tokens.revokeAllUserTokens(given)).toBe(1);
  // Nobody asks: this node's own ending is told at once.
  await vi.waitFor(() => expect(over).toEqual(['revoked']));
  expect([token.userId, kept.token.userId, watched?.userId, ...told]).toEqual([1, 2, 3, ...told].map(() => user.id));
  watch.unsubscribe();
  events.unsubscribe();
}

type Spelled = [string, ColumnOptions, UserId, UserId[]];

const TEXT: ColumnOptions = { type: 'varchar', length: 40 };
const UUID = '7e0b7e0b-3f1a-4c2d-8e4f-0123456789ab';
const ONLY_THE_DATABASE_TELLS: Record<string, Spelled[]> = {
  mariadb: [
    ['a text without regard to case and accents', TEXT, 'Jürgen', ['JURGEN', 'jürgen  ']],
    ['ß, which is ss', { ...TEXT, charset: 'utf8mb4', collation: 'utf8mb4_unicode_ci' }, 'Groß', ['GROSS']],
    ['a UUID in a text', { type: 'char', length: 36 }, UUID, [UUID.toUpperCase()]],
    ['a decimal', { type: 'decimal', precision: 20, scale: 2 }, '7.00', ['7', '07.0', 7]],
  ],
  postgres: [
    ['a text under a careless collation', { ...TEXT, collation: 'careless' }, 'Jürgen', ['JURGEN', 'jürgen']],
    ['citext', { type: 'citext' }, 'Ann', ['ANN', 'ann']],
    ['a padded text', { type: 'char', length: 10 }, 'ann', ['ann', 'ann   ']],
    ['a decimal', { type: 'numeric', precision: 20, scale: 0 }, '7', ['7.0', '07', 7]],
  ],
  sqljs: [['a text without regard to case', { ...TEXT, collation: 'NOCASE' }, 'Ann', ['ANN', 'ann']]],
};

describe('R73: a key in another spelling than the database’s', () => {
  it.each<[string, Type<Keyed>, UserId, unknown[]]>([
    ['int', IntUser, 7, ['7', '007', 7n]],
    ['bigint', BigintUser, '7', ['7', '007', 7, 7n]],
    [
      'uuid',
      UuidUser,
      '7e0b7e0b-3f1a-4c2d-8e4f-0123456789ab',
      [
        '7E0B7E0B-3F1A-4C2D-8E4F-0123456789AB',
        '{7e0b7e0b-3f1a-4c2d-8e4f-0123456789ab}',
        '7E0B7E0B3F1A4C2D8E4F0123456789AB',
      ],
    ],
    ['varchar', VarcharUser, '7', ['7', 7, 7n]],
  ])('is the same user, told in the spelling of the database: %s', async (_, userEntity, id, spellings) => {
    const t = await start(userEntity, false);
    try {
      await t.users.insert({ id });
      for (const given of [id, ...spellings]) await useOf(t, given as UserId);
    } finally {
      await t.close();
    }
  });

  it('is as the collation of the database has it where the key is a text, and sockets are told at once', async () => {
    const t = await start(VarcharUser, false);
    try {
      await t.users.insert({ id: 'Jürgen' });
      const { accessToken } = await t.tokens.generateHeaderToken('Jürgen');
      const watched = await t.tokens.verifyToken(accessToken);
      const over: unknown[] = [];
      t.app
        .get(SessionWatcher)
        .ended(watched!)
        .subscribe((reason) => over.push(reason));
      await t.app.get(SessionWatcher).check(watched!);
      const ended = await t.tokens.revokeAllUserTokens('JURGEN ');
      await t.app.get(SessionWatcher).check(watched!);
      // Only MariaDB takes no notice of letter case, accents and spaces at the end.
      expect([ended, over]).toEqual(DATABASE === 'mariadb' ? [1, ['revoked']] : [0, []]);
    } finally {
      await t.close();
    }
  });

  it.each(ONLY_THE_DATABASE_TELLS[DATABASE] ?? [])(
    'is told in the spelling of the database where only that knows: %s',
    async (_, column, id, spellings) => {
      class SpelledUser {
        id!: UserId;
      }
      Column({ ...column, primary: true })(SpelledUser.prototype, 'id');
      Entity('users')(SpelledUser);
      const database = await createDatabaseIn(DATABASE === 'postgres' ? 'UTF8' : 'utf8mb4');
      const server = await new DataSource(database.options).initialize();
      if (DATABASE === 'postgres') {
        await server.query(
          "CREATE COLLATION careless (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
        );
      }
      await server.destroy();
      const t = await start<Keyed>(SpelledUser, false, database);
      try {
        await t.users.insert({ id });
        for (const given of [id, ...spellings]) await useOf(t, given);
      } finally {
        await t.close();
      }
    },
  );

  it('never means another user: what a number cannot hold is refused, whatever the type of the key', async () => {
    for (const userEntity of [IntUser, BigintUser, UuidUser, VarcharUser]) {
      const t = await start<Keyed>(userEntity, false);
      try {
        for (const number of [2 ** 53, JSON.parse('9007199254740993'), 1.5, -(2 ** 60), Number.NaN, Infinity]) {
          await expect(t.tokens.generateHeaderToken(number)).rejects.toThrow(TypeError);
          await expect(t.tokens.revokeAllUserTokens({ id: number })).rejects.toThrow(TypeError);
        }
      } finally {
        await t.close();
      }
    }
  });
});

@Entity('users')
class NumberedUser {
  @PrimaryColumn({ type: 'int' })
  id!: number;
}

describe('a key that is 0', () => {
  it.each([
    ['as a number', NumberedUser, 0],
    ['as a string', VarcharUser, '0'],
  ] as [string, Type<Keyed>, UserId][])('is a key like any other, %s', async (_, userEntity, id) => {
    const t = await start(userEntity);
    try {
      await t.users.insert({ id });
      const user = await t.users.findOneByOrFail({ id });
      for (const given of [user, id]) {
        const { accessToken, token } = await t.tokens.generateHeaderToken(given);
        expect(await t.tokens.verifyToken(accessToken)).toMatchObject({ userId: id });
        expect((await t.tokens.listUserTokens(given)).map((row) => row.id)).toEqual([token.id]);
        expect(await t.tokens.revokeAllExpiredUserTokens(given)).toBe(0);
        expect(await t.tokens.revokeUserToken(given, token.id)).toBe(1);
        await t.tokens.generateHeaderToken(given);
        expect(await t.tokens.revokeAllUserTokens(given)).toBe(1);
      }
    } finally {
      await t.close();
    }
  });
});

describe('a key of another name', () => {
  it('is found by its column, whatever else is called id', async () => {
    const t = await start(RenamedUser);
    try {
      const ann = await t.users.save({ name: 'ann', id: 1 });
      await t.users.save({ name: 'bob', id: 1 });
      const { accessToken, token } = await t.tokens.generateHeaderToken(ann);

      expect(token.userId).toBe('ann');
      expect(await t.tokens.verifyToken(accessToken)).toMatchObject({ userId: 'ann', user: { name: 'ann' } });
      expect(await t.tokens.listUserTokens('bob')).toEqual([]);
      expect(await t.tokens.listUserTokens(ann)).toHaveLength(1);
      expect(await t.tokens.revokeAllUserTokens('ann')).toBe(1);
      expect((await t.dataSource.driver.createSchemaBuilder().log()).upQueries).toEqual([]);
    } finally {
      await t.close();
    }
  });
});
