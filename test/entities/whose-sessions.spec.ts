import type { Type } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  type AbstractAuthToken,
  AuthentifyEvents,
  AuthentifyModule,
  AuthentifyUserNotFoundError,
  authTokenEntity,
  TokenRepository,
  TokenService,
} from 'nestjs-authentify';
import { actingAs } from 'nestjs-authentify/testing';
import {
  ChildEntity,
  Column,
  DataSource,
  DeleteDateColumn,
  Entity,
  PrimaryGeneratedColumn,
  TableInheritance,
} from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { createDatabase, StatementLog, type TestDatabase } from '../support/database.js';

@Entity('customers')
class Customer {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
}

@Entity('people')
@TableInheritance({ column: { type: 'varchar', name: 'kind' } })
class Person {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
}

@ChildEntity()
class Admin extends Person {
  @Column({ type: 'varchar', nullable: true }) desk!: string | null;
}

@ChildEntity('root')
class SuperAdmin extends Admin {}

@ChildEntity()
class Guest extends Person {}

@Entity('contractors')
class Contractor extends Customer {
  @Column({ type: 'varchar', default: '' }) company!: string;
}

@Entity('members')
class Member {
  @PrimaryGeneratedColumn({ type: 'int' }) id!: number;
  @DeleteDateColumn() deletedAt!: Date | null;
}

/** Of a data source that is not this one. */
@Entity('elsewhere')
class Elsewhere extends Customer {}

/** No entity. */
class CustomerDto {
  id = 1;
}
class LoggedInCustomer extends Customer {
  loggedInAt = new Date();
}

const ENTITIES = [Customer, Contractor, Person, Admin, SuperAdmin, Guest, Member];

let app: TestingModule | undefined;
let database: TestDatabase;
let tokens: TokenService<AbstractAuthToken<object>>;
let dataSource: DataSource;
const statements = new StatementLog();
const reasons: unknown[] = [];

async function start(userEntity: Type<object>): Promise<void> {
  database = await createDatabase();
  app = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        ...database.options,
        entities: [...ENTITIES, authTokenEntity(() => userEntity)],
        synchronize: true,
        retryAttempts: 0,
        logging: true,
        logger: statements,
      }),
      AuthentifyModule.forRoot({ userEntity, keepExpiredTokens: true }),
    ],
  })
    .setLogger(false as never)
    .compile();
  await app.init();
  dataSource = app.get(DataSource);
  tokens = app.get<TokenService<AbstractAuthToken<object>>>(TokenService);
  reasons.length = 0;
  app.get(AuthentifyEvents).subscribe((event) => event.type === 'rejected' && reasons.push(event.reason));
}
afterEach(async () => {
  await app?.close();
  app = undefined;
  await database.drop();
});

const CALLS: [string, (user: never) => Promise<unknown>][] = [
  ['generateHeaderToken', (user) => tokens.generateHeaderToken(user)],
  ['generateCookieToken', (user) => tokens.generateCookieToken(user)],
  ['listUserTokens', (user) => tokens.listUserTokens(user)],
  ['revokeAllUserTokens', (user) => tokens.revokeAllUserTokens(user)],
  ['revokeUserToken', (user) => tokens.revokeUserToken(user, '0190a0a0-0000-7000-8000-000000000000')],
  ['revokeAllExpiredUserTokens', (user) => tokens.revokeAllExpiredUserTokens(user)],
  ['forUser', async (user) => app!.get(TokenRepository).forUser(user).getMany()],
  ['actingAs', (user) => actingAs(app!, user)],
];

/** Has every call refuse this, before any SQL; returns what was said. */
async function expectRefused(user: unknown): Promise<string[]> {
  const said: string[] = [];
  const sent = await statements.during(async () => {
    for (const [name, call] of CALLS) {
      const error: unknown = await (async () => call(user as never))().catch((reason: unknown) => reason);
      expect(error, name).toBeInstanceOf(TypeError);
      said.push((error as Error).message);
    }
  });
  expect(sent).toEqual([]);
  return said;
}

async function expectTaken(user: unknown): Promise<void> {
  for (const [name, call] of CALLS) {
    await expect(
      (async () => call(user as never))().then(() => true),
      name,
    ).resolves.toBe(true);
  }
}

describe('R73: a user of another class', () => {
  it('is nobody here, whatever the key: another entity, with a table of its own or of another data source', async () => {
    await start(Customer);
    await dataSource.getRepository(Customer).save({});
    for (const type of [Admin, Member, Contractor, Elsewhere]) {
      const user = Object.assign(new type(), { id: 1 });
      for (const message of await expectRefused(user)) {
        expect(message).toContain('Customer');
        expect(message).toContain(type.name);
      }
    }
  });

  it('is nobody here: a session, a DTO, a promise, a list, a Map, a boxed key', async () => {
    await start(Customer);
    const customer = await dataSource.getRepository(Customer).save({});
    const { token } = await tokens.generateHeaderToken(customer);
    const others = [token, new CustomerDto(), Promise.resolve(customer), [1], new Map([['id', 1]])];
    for (const other of [...others, new Number(1), new String('1'), new Date(), Buffer.from([1])]) {
      await expectRefused(other);
    }
  });

  it('is told of a file that was loaded twice', async () => {
    await start(Customer);
    const Twice = { Customer: class Customer {} }.Customer;
    const [message] = await expectRefused(Object.assign(new Twice(), { id: 1 }));
    expect(message).toContain('loaded twice');
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['an empty string', ''],
    ['an object without a key', {}],
    ['an entity that was not saved', new Customer()],
    ['an entity whose key is null', Object.assign(new Customer(), { id: null })],
    ['a row with another name for the key', { customer_id: 1 }],
    ['an object as key', { id: { id: 1 } }],
    ['true', true],
    ['a symbol', Symbol('1')],
    ['a function', () => 1],
    ['not a number', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a fraction', 1.5],
    ['a number that JSON has rounded', JSON.parse('9007199254740993')],
    ['an entity whose key was rounded', { id: -(2 ** 53) }],
    ['a number as text that a number cannot hold', '9007199254740993'],
    ['a number with a sign', '+1'],
    ['a number with a space', ' 1'],
    ['a number with an exponent', '1e3'],
    ['a hexadecimal number', '0x1'],
    ['a fraction as text', '1.0'],
  ])('R21: is no user at all: %s', async (_, user) => {
    await start(Customer);
    await expectRefused(user);
  });

  it('is one of ours after all: a subclass that is no entity, a proxy, a plain object with the key', async () => {
    await start(Customer);
    const customer = await dataSource.getRepository(Customer).save(new Customer());
    const subclass = Object.assign(new LoggedInCustomer(), customer);
    const bare = Object.assign(Object.create(null) as object, { id: customer.id });
    for (const user of [customer, subclass, new Proxy(customer, {}), { id: customer.id }, bare, { ...customer }]) {
      await expectTaken(user);
    }
  });
});

describe('R73: a child of a table inheritance', () => {
  it('is a user where the parent is the user entity, and comes back as what it is', async () => {
    await start(Person);
    const admin = await dataSource.getRepository(Admin).save({ desk: 'front' });
    const guest = await dataSource.getRepository(Guest).save({});
    for (const [type, { id }] of [
      [Admin, admin],
      [Guest, guest],
    ] as const) {
      await expectTaken(Object.assign(new type(), { id }));
      const { accessToken } = await tokens.generateHeaderToken(id);
      expect((await tokens.verifyToken(accessToken))?.user).toBeInstanceOf(type);
    }
    await expectRefused(Object.assign(new Customer(), { id: admin.id }));
  });

  it('is the only user where it is the user entity: instances of its parent and its siblings are refused', async () => {
    await start(Admin);
    const admin = await dataSource.getRepository(Admin).save({});
    const root = await dataSource.getRepository(SuperAdmin).save({});
    for (const user of [admin, root, { id: admin.id }, admin.id, String(root.id)]) await expectTaken(user);
    for (const other of [Person, Guest]) await expectRefused(Object.assign(new other(), { id: admin.id }));
  });

  it('is the only one who can log in by key', async () => {
    await start(Admin);
    const people = [await dataSource.getRepository(Person).save({}), await dataSource.getRepository(Guest).save({})];
    for (const { id } of people) {
      await expect(tokens.generateHeaderToken(id)).rejects.toThrow(AuthentifyUserNotFoundError);
      await expect(tokens.generateCookieToken({ id })).rejects.toThrow(AuthentifyUserNotFoundError);
      await expect(actingAs(app!, { id })).rejects.toThrow(AuthentifyUserNotFoundError);
    }
    expect(await dataSource.getRepository(authTokenEntity(() => Admin)).count()).toBe(0);
  });

  it('is no user any more once it is somebody else: refused, not refreshed, not listed, and still ended', async () => {
    await start(Admin);
    const { id } = await dataSource.getRepository(Admin).save({});
    const root = await dataSource.getRepository(SuperAdmin).save({});
    const [issued, other] = [await tokens.generateHeaderToken(id), await tokens.generateHeaderToken(root)];
    expect((await tokens.verifyToken(issued.accessToken))?.user).toBeInstanceOf(Admin);
    expect((await tokens.verifyToken(other.accessToken))?.user).toBeInstanceOf(SuperAdmin);

    await dataSource.createQueryBuilder().update('people').set({ kind: 'Person' }).where({ id }).execute();

    expect(await dataSource.getRepository(Admin).findOneBy({ id })).toBeNull();
    expect(await tokens.verifyToken(issued.accessToken)).toBeNull();
    expect(await tokens.refreshToken(issued.refreshToken!)).toBeNull();
    expect(reasons).toEqual(['user-missing', 'user-missing']);
    expect(await tokens.listUserTokens(id)).toEqual([]);
    expect(await tokens.listUserTokens(root)).toHaveLength(1);
    expect(await tokens.revokeAllUserTokens(id)).toBe(1);
  });
});

describe('R73: a soft-deleted user', () => {
  it('is not in the database: no login, no list, and sessions that can be ended', async () => {
    await start(Member);
    const members = dataSource.getRepository(Member);
    const member = await members.save({});
    const issued = await tokens.generateHeaderToken(member);
    await members.softDelete(member.id);
    await expect(tokens.generateHeaderToken(member)).rejects.toThrow(AuthentifyUserNotFoundError);
    await expect(tokens.generateHeaderToken(member.id)).rejects.toThrow(AuthentifyUserNotFoundError);
    expect(await tokens.listUserTokens(member.id)).toEqual([]);
    expect(await tokens.verifyToken(issued.accessToken)).toBeNull();

    await members.restore(member.id);
    expect(await tokens.listUserTokens(member.id)).toHaveLength(1);
    await tokens.generateHeaderToken(member.id);
    await members.softDelete(member.id);
    expect(await tokens.revokeAllUserTokens(member.id)).toBe(2);
  });
});
