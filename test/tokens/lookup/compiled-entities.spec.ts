import type { LoggerService, Type } from '@nestjs/common';
import { AbstractAuthToken, TokenOwner } from 'nestjs-authentify';
import * as typeorm from 'typeorm';
import {
  AfterLoad,
  Column,
  type DataSource,
  DefaultNamingStrategy,
  DeleteDateColumn,
  Entity,
  EventSubscriber,
  JoinColumn,
  ManyToOne,
  OneToMany,
  OneToOne,
  PrimaryGeneratedColumn,
  RelationId,
  TableInheritance,
  Tree,
  TreeChildren,
  TreeParent,
  UpdateDateColumn,
  VersionColumn,
  VirtualColumn,
} from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../support/app.js';
import { DATABASE } from '../../support/database.js';
import { User } from '../../support/users.js';

const IS_POSTGRES = DATABASE === 'postgres';
const INSTANT_TYPE = IS_POSTGRES ? 'timestamptz' : 'datetime';
const [JSON_TYPE, BYTES_TYPE] = {
  postgres: ['jsonb', 'bytea'] as const,
  mariadb: ['json', 'varbinary'] as const,
  sqljs: ['simple-json', 'blob'] as const,
}[DATABASE as 'postgres' | 'mariadb' | 'sqljs'];

class Place {
  @Column({ type: 'varchar', nullable: true }) city!: string | null;
  @Column({ type: 'float', default: 0 }) latitude!: number;
}

class Address {
  @Column({ type: 'varchar' }) street!: string;
  @Column(() => Place) place!: Place;
}

@Entity()
class Country {
  @PrimaryGeneratedColumn() id!: number;
  @Column({ type: 'varchar' }) name!: string;
  @DeleteDateColumn() deletedAt!: Date | null;
}

@Entity()
class Plan {
  @PrimaryGeneratedColumn() id!: number;
  @Column({ type: 'decimal', precision: 10, scale: 2 }) price!: string;
  @ManyToOne(() => Country, { eager: true, nullable: true }) country!: Country | null;
}

@Entity()
class Device {
  @PrimaryGeneratedColumn('uuid') id!: string;
  @Column({ type: 'varchar' }) model!: string;
}

@Entity()
class Badge {
  @PrimaryGeneratedColumn() id!: number;
  @OneToOne('Member', 'badge') @JoinColumn() member!: unknown;
}

/** Everything that an entity may be made of and that is still nothing but its columns. */
@Entity()
class Member extends User {
  @Column({ type: 'varchar', select: false, default: 'hidden' }) pin?: string;
  @Column({ type: 'simple-array' }) tags!: string[];
  @Column({ type: 'simple-json' }) settings!: { theme: string };
  @Column({ type: JSON_TYPE, nullable: true }) profile!: { roles: string[] } | null;
  @Column({ type: INSTANT_TYPE, nullable: true }) seenAt!: Date | null;
  @Column({ type: 'date', nullable: true }) born!: string | null;
  @Column({ type: BYTES_TYPE, nullable: true, ...(DATABASE === 'mariadb' && { length: 16 }) }) avatar!: Buffer | null;
  @Column({ type: 'bigint', default: '9007199254740993' }) points!: string;
  @Column({
    type: 'varchar',
    transformer: { to: (value: string) => value.toUpperCase(), from: (value) => `<${value}>` },
  })
  nickname!: string;
  @VersionColumn() version!: number;
  @UpdateDateColumn() changedAt!: Date;
  @Column(() => Address) address!: Address;
  @ManyToOne(() => Plan, { eager: true, nullable: true }) plan!: Plan | null;
  @RelationId('plan') planId!: number | null;
  @OneToOne(() => Badge, 'member', { eager: true }) badge!: Badge | null;
  @ManyToOne(() => Country, { nullable: true }) birthplace!: Country | null;
  @RelationId('birthplace') birthplaceId!: number | null;
}

@Entity()
class MemberToken extends AbstractAuthToken<Member> {
  @TokenOwner(() => Member) user!: Member;
  @Column({ type: 'varchar', length: 45, nullable: true }) lastUsedIp!: string | null;
  @Column({ type: 'int', default: 7 }) trust!: number;
  @Column(() => Place) place!: Place;
  @ManyToOne(() => Device, { eager: true, nullable: true }) device!: Device | null;
  @RelationId('device') deviceId!: number | null;
  @RelationId('device') sameDeviceId!: number | null;
}

class Prefixed extends DefaultNamingStrategy {
  override tableName(...args: Parameters<DefaultNamingStrategy['tableName']>): string {
    return `t_${super.tableName(...args).toLowerCase()}`;
  }
  override columnName(...args: Parameters<DefaultNamingStrategy['columnName']>): string {
    return `c_${super.columnName(...args)}`;
  }
}

let t: TestApp<never>;
afterEach(() => t.close());

/** What the app logs of reading through TypeORM while it boots. */
function detours(): { logger: LoggerService; lines: string[] } {
  const lines: string[] = [];
  const hear = (message: unknown): void => {
    if (String(message).includes('through TypeORM')) lines.push(String(message));
  };
  return { lines, logger: { log: hear, warn: (message) => lines.push(String(message)), error: hear } };
}

async function start<TToken extends AbstractAuthToken<User>>(
  tokenEntity: Type<TToken>,
  entities: Type<unknown>[],
  setup: Parameters<typeof startApp>[0] = {},
): Promise<TestApp<TToken>> {
  const app = await startApp<TToken>({ ...(setup as object), tokenEntity, entities });
  t = app as unknown as TestApp<never>;
  return app;
}

async function createMember(dataSource: DataSource, properties: Partial<Member>): Promise<Member> {
  return dataSource.getRepository(Member).save({
    email: 'member@example.com',
    tags: ['a', 'b'],
    settings: { theme: 'dark' },
    nickname: 'Ann',
    address: { street: 'Main 1', place: { city: null, latitude: 59.91 } },
    ...properties,
  });
}

describe.each([
  ['named as TypeORM names', {}],
  ['named by a strategy of the app’s own', { dataSource: { namingStrategy: new Prefixed() } }],
  ['without prepared statements', { options: { preparedStatements: false } }],
  ['with a subscriber to queries', { dataSource: { subscribers: [queryWatcher()] } }],
] as [string, object][])('an entity %s', (_name, setup) => {
  it('is read as findOne reads it, with custom columns, embedded ones, transformers and what is eager', async () => {
    const { lines, logger } = detours();
    const { dataSource, tokens } = await start(MemberToken, [Member, Plan, Country, Device, Badge], {
      ...setup,
      logger,
    });
    expect(lines).toEqual([]);
    const country = await dataSource.getRepository(Country).save({ name: 'Norway' });
    const gone = await dataSource.getRepository(Country).save({ name: 'Atlantis', deletedAt: new Date() });
    const plans = dataSource.getRepository(Plan);
    const device = await dataSource.getRepository(Device).save({ model: 'X1' });
    const full = {
      profile: { roles: ['admin'] },
      seenAt: new Date(Date.UTC(2026, 0, 15, 12)),
      born: '1990-02-03',
      avatar: Buffer.from([0, 1, 2, 255]),
      birthplace: country,
    };
    const members = [
      await createMember(dataSource, { plan: null }),
      await createMember(dataSource, { ...full, plan: await plans.save({ price: '9.90', country }) }),
      await createMember(dataSource, { ...full, plan: await plans.save({ price: '1.00', country: gone }) }),
    ];
    await dataSource.getRepository(Badge).save({ member: members[1] });
    for (const [index, member] of members.entries()) {
      const { accessToken, token } = await tokens.generateHeaderToken(member.id, { context: { device: 'phone' } });
      const rows = dataSource.getRepository(MemberToken);
      await rows.update(token.id, { place: { city: 'Oslo', latitude: 1.1 } });
      if (index > 0) await rows.update(token.id, { device: { id: device.id } });

      const expected = await rows.findOneOrFail({ where: { id: token.id }, relations: { user: { plan: true } } });
      const verified = await tokens.verifyToken(accessToken);
      expect(verified).toBeInstanceOf(MemberToken);
      // As plain objects, so that a difference is shown: a token hides its user from printing.
      expect({ ...verified }).toStrictEqual({ ...expected });
      expect(expected.user.plan === null).toBe(index === 0);
      expect(expected.user.badge === null).toBe(index !== 1);
    }
  });
});

describe('R65: requests that share a look-up', () => {
  it('have users of their own', async () => {
    const { dataSource, tokens } = await start(MemberToken, [Member, Plan, Country, Device, Badge]);
    const member = await createMember(dataSource, { profile: { roles: ['reader'] } });
    const { accessToken } = await tokens.generateHeaderToken(member);
    const verified = await Promise.all(Array.from({ length: 20 }, () => tokens.verifyToken(accessToken)));
    for (const token of verified) token?.user.profile?.roles.push('admin');
    for (const token of verified) expect(token?.user.profile?.roles).toEqual(['reader', 'admin']);
  });
});

/** Only TypeORM 0.3 has it. */
const { RelationCount } = typeorm as { RelationCount?: (relation: string) => PropertyDecorator };

/** Entities that TypeORM does more for than read columns, by what it does. */
const OBSTACLES: Record<string, () => Type<AbstractAuthToken<User>>> = {
  'loads many rows eagerly': () => {
    @Entity()
    class Note {
      @PrimaryGeneratedColumn() id!: number;
      @ManyToOne('Noted') token!: unknown;
    }
    @Entity()
    class Noted extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
      @OneToMany(() => Note, 'token', { eager: true }) notes!: Note[];
    }
    return alongside(Noted, Note);
  },
  'has a @VirtualColumn': () => {
    @Entity()
    class Counted extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
      @VirtualColumn({ type: 'int', query: () => 'SELECT 1 + 1' }) count!: number;
    }
    return Counted;
  },
  'is changed after loading': () => {
    @Entity()
    class Listening extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
      loaded = false;
      @AfterLoad() onLoad(): void {
        this.loaded = true;
      }
    }
    return Listening;
  },
  'is part of a table inheritance': () => {
    @Entity()
    @TableInheritance({ column: { type: 'varchar', name: 'kind' } })
    class Inherited extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
    }
    return Inherited;
  },
  'has lazy relations': () => {
    @Entity()
    class Lazy extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
      @ManyToOne(() => User, { lazy: true, nullable: true }) approver!: Promise<User | null>;
    }
    return Lazy;
  },
  'is a tree': () => {
    @Entity()
    @Tree('materialized-path')
    class Branch extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
      @TreeParent() parent!: unknown;
      @TreeChildren() children!: unknown[];
    }
    for (const name of ['parent', 'children']) Reflect.defineMetadata('design:type', Branch, Branch.prototype, name);
    return Branch;
  },
  ...(RelationCount && {
    'has a @RelationCount': () => {
      @Entity()
      class Tag {
        @PrimaryGeneratedColumn() id!: number;
        @ManyToOne('Tagged') token!: unknown;
      }
      @Entity()
      class Tagged extends AbstractAuthToken<User> {
        @TokenOwner(() => User) user!: User;
        @OneToMany(() => Tag, 'token') tags!: Tag[];
        @RelationCount('tags') tagCount!: number;
      }
      return alongside(Tagged, Tag);
    },
  }),
};

describe('an entity that is more than its columns', () => {
  it.each(Object.keys(OBSTACLES))('is read by TypeORM, and the boot says why: %s', async (obstacle) => {
    const entity = OBSTACLES[obstacle]?.() as Type<AbstractAuthToken<User>>;
    const { lines, logger } = detours();
    const { tokens, ...app } = await start(entity, companions.get(entity) ?? [], { logger });

    expect(lines).toEqual([
      expect.stringMatching(`^Sessions are read through TypeORM.* ${obstacle}.* For the fast way `),
    ]);
    const user = await app.createUser();
    const login = app.statements.statements.length;
    const { accessToken, refreshToken, token } = await tokens.generateHeaderToken(user);
    // No lazy relation is loaded, for which nobody would wait.
    expect(app.statements.statements[login]?.sql).toMatch(/^INSERT/);
    expect((await tokens.verifyToken(accessToken))?.id).toBe(token.id);
    const refreshed = await tokens.refreshToken(refreshToken!);
    expect(await tokens.verifyToken(accessToken)).toBeNull();
    expect(await tokens.verifyToken(refreshed!.accessToken)).not.toBeNull();
  });

  it('is read by TypeORM where a subscriber wants to see it loaded', async () => {
    const loaded: unknown[] = [];
    @EventSubscriber()
    class LoadWatcher {
      listenTo() {
        return User;
      }
      afterLoad(user: User): void {
        loaded.push(user.id);
      }
    }
    const app = await start(MemberlessToken, [], { dataSource: { subscribers: [LoadWatcher] } });
    const user = await app.createUser();
    const { accessToken } = await app.tokens.generateHeaderToken(user);
    loaded.length = 0;
    await app.tokens.verifyToken(accessToken);
    expect(loaded).toEqual([user.id]);
  });
});

@Entity()
class MemberlessToken extends AbstractAuthToken<User> {
  @TokenOwner(() => User) user!: User;
}

const companions = new Map<unknown, Type<unknown>[]>();

function alongside<TEntity>(entity: Type<TEntity>, ...others: Type<unknown>[]): Type<TEntity> {
  companions.set(entity, others);
  return entity;
}

function queryWatcher(): Type<unknown> {
  @EventSubscriber()
  class QueryWatcher {
    beforeQuery(): void {
      // What it does is its own business; that it is asked is the point.
    }
  }
  return QueryWatcher;
}
