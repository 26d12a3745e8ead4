import { Logger, type Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  type AbstractAuthToken,
  AuthentifyConfigurationError,
  AuthentifyModule,
  type AuthentifyOptions,
  authTokenEntity,
  TokenService,
} from 'nestjs-authentify';
import {
  AfterLoad,
  ChildEntity,
  Column,
  type ColumnOptions,
  DataSource,
  Entity,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  TableInheritance,
  VirtualColumn,
} from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, DATABASE, type TestDatabase } from '../support/database.js';

interface Person {
  id: number;
}

let app: TestingModule | undefined;
let database: TestDatabase;
let tokens: TokenService<AbstractAuthToken<Person>>;
let dataSource: DataSource;
let warnings: string[] = [];

beforeEach(() => {
  warnings = [];
  // TypeOrmModule warns of apps that never came up, in other files of this process.
  const warn = (message: string, context: string) =>
    context === 'DataSourceNameRegistry' ? undefined : warnings.push(message);
  Logger.overrideLogger({ log() {}, error() {}, warn });
});
afterEach(async () => {
  Logger.overrideLogger(false);
  // Nest 11.0.0 throws again what kept the app from starting.
  await app?.close().catch(() => {});
  app = undefined;
  await database.drop();
});

/** Boots an app; as a user would, with the default unless told otherwise. */
async function start(entities: Type<Person>[], options: Partial<AuthentifyOptions> = {}): Promise<void> {
  const [userEntity] = entities as [Type<Person>];
  database = await createDatabase();
  app = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        ...database.options,
        entities: [...entities, authTokenEntity(() => userEntity)],
        synchronize: true,
        retryAttempts: 0,
      }),
      AuthentifyModule.forRoot<Person>({ ...(options as object), userEntity }),
    ],
  }).compile();
  dataSource = app.get(DataSource);
  tokens = app.get<TokenService<AbstractAuthToken<Person>>>(TokenService);
  await app.init();
}

/** Whether somebody with this row may act, by verification and by refresh, which must agree. */
async function mayAct(type: Type<Person>, row: object): Promise<boolean> {
  const { identifiers } = await dataSource.getRepository(type).insert(row);
  const { accessToken, refreshToken } = await tokens.generateHeaderToken(identifiers[0] as Person);
  const verified = await tokens.verifyToken(accessToken);
  const refreshed = await tokens.refreshToken(refreshToken!);
  expect(refreshed === null).toBe(verified === null);
  return verified !== null;
}

/** A user entity whose `isActive` is such a column. */
function userWith(options: ColumnOptions): Type<Person> {
  @Entity('users')
  class User {
    @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
    @Column({ name: 'is_active', nullable: true, ...options }) isActive!: unknown;
  }
  return User;
}

const IS_SQLITE = DATABASE === 'sqljs';
const IS_MARIADB = DATABASE === 'mariadb';
const only = (condition: boolean, types: string[]): string[] => (condition ? types : []);

const NUMBERS = [
  'smallint',
  'int',
  'bigint',
  'decimal',
  'real',
  ...only(IS_MARIADB, ['tinyint', 'mediumint', 'double']),
  ...only(!IS_MARIADB, ['int8', 'numeric']),
  ...only(IS_SQLITE, ['tinyint', 'integer', 'unsigned big int']),
] as ColumnOptions['type'][];

describe('R51: whoever is locked', () => {
  it.each(NUMBERS)('stays out where isActive is a column of the type %s', async (type) => {
    const User = userWith({ type });
    await start([User]);
    expect(await mayAct(User, { isActive: 1 })).toBe(true);
    expect(await mayAct(User, { isActive: 0 })).toBe(false);
    expect(await mayAct(User, { isActive: null })).toBe(false);
    expect(await mayAct(User, { isActive: -1 })).toBe(true);
    // By the compiled look-up, whose rows are the driver's own.
    expect(warnings).toEqual([]);
  });

  it('stays out where isActive is a boolean', async () => {
    const User = userWith({ type: 'boolean' });
    await start([User]);
    expect(await mayAct(User, { isActive: true })).toBe(true);
    expect(await mayAct(User, { isActive: false })).toBe(false);
    expect(await mayAct(User, { isActive: null })).toBe(false);
    expect(warnings).toEqual([]);
  });

  it.runIf(IS_MARIADB).each([
    ['bit', { type: 'bit' }, '\u0001', '\u0000'],
    ['tinyint unsigned', { type: 'tinyint', unsigned: true }, 1, 0],
  ] as [string, ColumnOptions, unknown, unknown][])('stays out where isActive is a %s', async (_, options, yes, no) => {
    const User = userWith(options);
    await start([User]);
    const bytes = (value: unknown): unknown => (typeof value === 'string' ? Buffer.from(value, 'latin1') : value);
    expect(await mayAct(User, { isActive: bytes(yes) })).toBe(true);
    expect(await mayAct(User, { isActive: bytes(no) })).toBe(false);
    expect(await mayAct(User, { isActive: null })).toBe(false);
    expect(warnings).toEqual([]);
  });

  it.runIf(DATABASE === 'postgres')('stays out where isActive is a bit of PostgreSQL', async () => {
    const User = userWith({ type: 'bit', length: '2' });
    await start([User]);
    expect(await mayAct(User, { isActive: '10' })).toBe(true);
    expect(await mayAct(User, { isActive: '00' })).toBe(false);
  });

  it.each([false, true])('stays out where statements are prepared: %s', async (preparedStatements) => {
    const User = userWith({ type: 'bigint' });
    await start([User], { preparedStatements });
    expect(await mayAct(User, { isActive: '0' })).toBe(false);
    expect(await mayAct(User, { isActive: '1' })).toBe(true);
  });

  it('stays out where the column is read by a transformer, whatever is in it', async () => {
    const User = userWith({
      type: 'varchar',
      transformer: { to: (value: unknown) => value, from: (value: unknown) => value === 'yes' },
    });
    await start([User]);
    expect(await mayAct(User, { isActive: 'yes' })).toBe(true);
    expect(await mayAct(User, { isActive: 'no' })).toBe(false);
    expect(await mayAct(User, { isActive: null })).toBe(false);
  });

  it('stays out where a transformer gives nothing, and everybody where it gives what says neither', async () => {
    const User = userWith({
      type: 'varchar',
      transformer: {
        to: (value: unknown) => value,
        from: (value: unknown) => (value === 'yes' ? true : value) ?? undefined,
      },
    });
    await start([User]);
    expect(await mayAct(User, { isActive: null })).toBe(false);
    expect(await mayAct(User, { isActive: 'yes' })).toBe(true);
    await expect(mayAct(User, { isActive: 'no' })).rejects.toThrow(AuthentifyConfigurationError);
    await expect(mayAct(User, { isActive: 'secret-7' })).rejects.toThrow(/^(?!.*secret).*isUserActive/);
  });

  it('stays out where isActive is a getter of the class', async () => {
    @Entity('users')
    class User {
      @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
      @Column({ type: 'varchar', nullable: true }) state!: string | null;
      get isActive(): boolean | undefined {
        return this.state === null ? undefined : this.state === 'active';
      }
    }
    await start([User]);
    expect(await mayAct(User, { state: 'active' })).toBe(true);
    expect(await mayAct(User, { state: 'locked' })).toBe(false);
    expect(await mayAct(User, { state: null })).toBe(false);
  });

  it('stays out where isActive is set after loading', async () => {
    @Entity('users')
    class User {
      @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
      @Column({ type: 'varchar' }) state!: string;
      isActive?: boolean;
      @AfterLoad() judge(): void {
        this.isActive = this.state === 'active';
      }
    }
    await start([User]);
    expect(await mayAct(User, { state: 'active' })).toBe(true);
    expect(await mayAct(User, { state: 'locked' })).toBe(false);
  });

  it('stays out where only one child of a table inheritance has isActive', async () => {
    @Entity('users')
    @TableInheritance({ column: { type: 'varchar', name: 'kind' } })
    class User {
      @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
    }
    @ChildEntity()
    class Member extends User {
      @Column({ type: 'int', nullable: true }) isActive!: number | null;
    }
    @ChildEntity()
    class Guest extends User {}
    await start([User, Member, Guest]);
    expect(await mayAct(Member, { isActive: 1 })).toBe(true);
    expect(await mayAct(Member, { isActive: 0 })).toBe(false);
    expect(await mayAct(Member, { isActive: null })).toBe(false);
    expect(await mayAct(Guest, {})).toBe(true);
  });

  it('is nobody where the entity has no isActive', async () => {
    @Entity('users')
    class User {
      @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
      @Column({ type: 'int', default: 0 }) active!: number;
    }
    await start([User]);
    expect(await mayAct(User, { active: 0 })).toBe(true);
  });
});

class Flags {
  @Column({ type: 'boolean', default: true }) web!: boolean;
}

@Entity('flags')
class FlagRow {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
}

function userWhose(declare: PropertyDecorator, also: PropertyDecorator = () => {}): Type<Person> {
  class User {
    id!: number;
    isActive!: unknown;
  }
  PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
  also(User.prototype, 'isActive');
  declare(User.prototype, 'isActive');
  Entity('users')(User);
  return User;
}

class Method {
  id!: number;
  isActive(): boolean {
    return false;
  }
}
PrimaryGeneratedColumn({ type: 'int' })(Method.prototype, 'id');
Entity('users')(Method);

class Arrow {
  id!: number;
  isActive = (): boolean => false;
}
PrimaryGeneratedColumn({ type: 'int' })(Arrow.prototype, 'id');
Entity('users')(Arrow);

describe('R73: an isActive by which the default cannot tell who is active', () => {
  it.each<[string, Type<Person>]>([
    ['a text', userWith({ type: 'varchar' })],
    ['a date', userWith({ type: 'date' })],
    ['a point in time', userWith({ type: DATABASE === 'postgres' ? 'timestamp' : 'datetime' })],
    ['a Date', userWith({ type: Date })],
    ['a String', userWith({ type: String })],
    ['an enum', userWith({ type: 'simple-enum', enum: ['yes', 'no'] })],
    ['json', userWith({ type: 'simple-json' })],
    ['a list', userWith({ type: 'simple-array' })],
    ['a text of one letter', userWith({ type: DATABASE === 'postgres' ? 'char' : 'varchar', length: '1' })],
    ['a boolean that is not selected', userWith({ type: 'boolean', select: false })],
    [
      'a number that is not selected and transformed',
      userWith({ type: 'int', select: false, transformer: { to: Number, from: Boolean } }),
    ],
    [
      'a relation',
      userWhose(
        ManyToOne(() => FlagRow),
        JoinColumn({ name: 'is_active' }),
      ),
    ],
    ['embedded', userWhose(Column(() => Flags))],
    ['a virtual column', userWhose(VirtualColumn({ query: () => 'SELECT 1', type: 'int' }))],
    ['a method', Method as unknown as Type<Person>],
    ['a function in a field', Arrow as unknown as Type<Person>],
    ...(DATABASE === 'postgres'
      ? [['a list of booleans', userWith({ type: 'boolean', array: true })] as [string, Type<Person>]]
      : []),
  ])('stops the boot, naming isUserActive and the remedy: %s', async (_, User) => {
    const error: unknown = await start([User, FlagRow]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(AuthentifyConfigurationError);
    expect(error).toMatchObject({ option: 'isUserActive' });
    expect((error as Error).message).toMatch(
      /isUserActive is required: isActive of \w+ is .*isUserActive: \(user\) =>/,
    );
  });

  it('is none of its business where the app says itself who is active', async () => {
    const User = userWith({ type: 'varchar' });
    await start([User], { isUserActive: (user) => (user as { isActive: string }).isActive === 'yes' });
    expect(await mayAct(User, { isActive: 'yes' })).toBe(true);
    expect(await mayAct(User, { isActive: 'no' })).toBe(false);
  });

  it('stops the boot too where only a child of a table inheritance has it', async () => {
    @Entity('users')
    @TableInheritance({ column: { type: 'varchar', name: 'kind' } })
    class User {
      @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
    }
    @ChildEntity()
    class Member extends User {
      @Column({ type: 'varchar', nullable: true }) isActive!: string | null;
    }
    await expect(start([User, Member])).rejects.toThrow(/isActive of (User|Member) is a column of the type varchar/);
  });
});
