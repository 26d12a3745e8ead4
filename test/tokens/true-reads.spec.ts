import { AbstractAuthToken, AuthentifyUserNotFoundError, SessionWatcher, TokenOwner } from 'nestjs-authentify';
import {
  AfterLoad,
  Column,
  type DataSourceOptions,
  DeleteDateColumn,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  RelationId,
} from 'typeorm';
import type { QueryResultCache } from 'typeorm/cache/QueryResultCache.js';
import type { QueryResultCacheOptions } from 'typeorm/cache/QueryResultCacheOptions.js';
import { firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { SessionDirectory } from '../../lib/store/session-directory.js';
import { UserDirectory } from '../../lib/store/user-directory.js';
import { SessionStore } from '../../lib/sessions/session-store.js';
import { SessionTable } from '../../lib/store/session-table.js';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { User } from '../support/users.js';

@Entity('members')
class Member extends User {
  @DeleteDateColumn() deletedAt!: Date | null;
  @OneToMany(() => Team, (team) => team.lead) leads!: Team[];
  @RelationId((member: Member) => member.leads) leadIds!: number[];
}

@Entity()
class Team {
  @PrimaryGeneratedColumn() id!: number;
  @ManyToOne(() => Member, (member) => member.leads, { nullable: true }) lead!: Member | null;
}

/** Such an entity is read through TypeORM, and so through its cache. */
@Entity('auth_tokens')
class HeardToken extends AbstractAuthToken<Member> {
  @TokenOwner(() => Member) user!: Member;
  @Column({ type: 'varchar', length: 20, nullable: true }) note!: string | null;

  @AfterLoad()
  heard(): void {
    this.note ??= 'loaded';
  }
}

/** What TypeORM asked of its cache, and what that keeps for an hour. */
class Cache implements QueryResultCache {
  readonly asked: string[] = [];
  readonly #kept = new Map<string, QueryResultCacheOptions>();

  connect = async (): Promise<void> => {};
  disconnect = async (): Promise<void> => {};
  synchronize = async (): Promise<void> => {};
  isExpired = (): boolean => false;
  clear = async (): Promise<void> => this.#kept.clear();
  remove = async (): Promise<void> => {};

  async getFromCache(options: QueryResultCacheOptions): Promise<QueryResultCacheOptions | undefined> {
    this.asked.push(options.query!);
    return this.#kept.get(options.query!);
  }

  async storeInCache(options: QueryResultCacheOptions): Promise<void> {
    this.#kept.set(options.query!, options);
  }
}

const apps: TestApp[] = [];
afterEach(async () => {
  for (const t of apps.splice(0)) await t.close();
});

type Own = Parameters<typeof startApp>[0] & object;

/** An app with a user, whose entities are read by compiled statements (`plain`) or through TypeORM. */
async function start(kind: 'plain' | 'heard', setup: Own): Promise<{ t: TestApp; user: User }> {
  const heard = { tokenEntity: HeardToken as never, entities: [Member, Team] };
  const t = await startApp({ ...setup, ...(kind === 'heard' && heard) });
  apps.push(t);
  const user =
    kind === 'plain' ? await t.createUser() : await t.dataSource.getRepository(Member).save({ email: 'a@example.com' });
  return { t, user };
}

/** All that is read, between changes that each reading must see. */
async function walk({ tokens, app }: TestApp, user: User): Promise<void> {
  const first = await tokens.generateHeaderToken(user);
  expect(await tokens.verifyToken(first.accessToken)).not.toBeNull();
  const second = await tokens.refreshToken(first.refreshToken!);
  expect(second).not.toBeNull();
  const tab = await tokens.refreshToken(first.refreshToken!);
  expect(tab?.accessToken).toBe(second!.accessToken);
  const third = await tokens.refreshToken(second!.refreshToken!);
  expect(third).not.toBeNull();
  expect(await tokens.verifyToken(second!.accessToken)).toBeNull();
  expect(await tokens.verifyToken(third!.accessToken)).not.toBeNull();

  const table = app.get<SessionTable>(SessionTable);
  const directory = new SessionDirectory(table);
  const page = { userId: user.id, limit: 9, now: Date.now() };
  const counts = async (): Promise<number[]> => [
    (await tokens.listUserTokens(user)).length,
    (await app.get(SessionStore).liveOf(user.id, Date.now(), {})).length,
    (await directory.page(page)).sessions.length,
    (await directory.page({ ...page, state: 'active' })).sessions.length,
  ];
  expect(await counts()).toEqual([1, 1, 1, 1]);
  expect(await directory.find(third!.token.id)).not.toBeNull();
  const other = await tokens.generateHeaderToken(user);
  expect(await counts()).toEqual([2, 2, 2, 2]);
  expect(await new UserDirectory(table).startingWith(user.email, ['email'], 2)).toHaveLength(1);

  const ended = firstValueFrom(app.get(SessionWatcher).ended(other.token));
  await app.get(SessionWatcher).check(other.token);
  await table.delete({ id: other.token.id });
  await app.get(SessionWatcher).check(other.token);
  expect(await ended).toBe('revoked');

  await tokens.revokeToken(third!.token);
  expect(await tokens.verifyToken(third!.accessToken)).toBeNull();
  expect(await tokens.refreshToken(third!.refreshToken!)).toBeNull();
  expect(await directory.find(third!.token.id)).toBeNull();
  expect(await counts()).toEqual([0, 0, 0, 0]);
  expect(await tokens.revokeExpiredTokens()).toBe(0);
}

describe('where TypeORM keeps the answers to all queries', () => {
  it.each(['plain', 'heard'] as const)(
    'R71: nothing is taken from its cache, of entities that are %s',
    async (kind) => {
      const cache = new Cache();
      const { t, user } = await start(kind, {
        options: { maxSessionsPerUser: 5 },
        dataSource: { cache: { alwaysEnabled: true, duration: 3_600_000, provider: () => cache } },
      });
      cache.asked.length = 0;
      await walk(t, user);
      await t.dataSource.transaction(async (manager) => {
        const { accessToken, token } = await t.tokens.generateHeaderToken(user, { manager });
        expect(await t.tokens.verifyToken(accessToken, undefined, { manager })).not.toBeNull();
        await t.tokens.revokeToken(token, { manager });
        expect(await t.tokens.verifyToken(accessToken, undefined, { manager })).toBeNull();
      });
      expect(cache.asked).toEqual([]);

      // The app's own reads keep it.
      for (let time = 0; time < 2; time += 1) await t.dataSource.getRepository(kind === 'plain' ? User : Member).find();
      expect(cache.asked.length).toBeGreaterThan(0);
    },
  );

  it('R71: a user who was deleted a moment ago cannot log in', async () => {
    const cache = new Cache();
    const { t, user } = await start('heard', {
      dataSource: { cache: { alwaysEnabled: true, duration: 3_600_000, provider: () => cache } },
    });
    await t.tokens.generateHeaderToken(user);
    await t.dataSource.getRepository(Member).softDelete({ id: user.id });
    await expect(t.tokens.generateHeaderToken(user)).rejects.toBeInstanceOf(AuthentifyUserNotFoundError);
    expect(await t.tokens.listUserTokens(user)).toEqual([]);
  });

  it('R71: nor from one that is a table of the database', async () => {
    const { t, user } = await start('heard', { dataSource: { cache: { alwaysEnabled: true, duration: 3_600_000 } } });
    await walk(t, user);
  });
});

describe.skipIf(DATABASE === 'sqljs')('where the app reads from a replica', () => {
  /** One that has heard of nothing yet, not even of the tables. */
  const replicated = (own: DataSourceOptions): Partial<DataSourceOptions> => {
    const { host, port, username, database } = own as unknown as Record<string, never>;
    const primary = { host, port, username, database };
    const replica = { ...primary, database: DATABASE === 'postgres' ? 'template1' : 'mysql' };
    return { replication: { master: primary, slaves: [replica] } } as never;
  };

  it.each(['plain', 'heard'] as const)(
    'R48: the library reads from the primary, entities that are %s',
    async (kind) => {
      const { t, user } = await start(kind, { options: { maxSessionsPerUser: 5 }, dataSource: replicated });
      await walk(t, user);
      await expect(t.dataSource.getRepository(t.tokenEntity).find()).rejects.toThrow(/auth_tokens/);
    },
  );
});

describe('behind a proxy that splits reads from writes', () => {
  const COMMENT = 'NO LOAD BALANCE';

  it.skipIf(DATABASE === 'sqljs').each([
    ['plain', true],
    ['plain', false],
    ['heard', true],
  ] as const)(
    'R48: the comment is at the very front of all that the library sends, entities that are %s, preparedStatements: %s',
    async (kind, preparedStatements) => {
      const options = { maxSessionsPerUser: 5, sqlComment: COMMENT, preparedStatements };
      const { t, user } = await start(kind, { options });
      const schemaCheck = t.statements.statements.find(({ sql }) => sql.includes('1 = 0'));
      expect(schemaCheck?.sql).toMatch(`/*${COMMENT}*/ `);
      const statements = await t.statements.during(() => walk(t, user));
      expect(statements.length).toBeGreaterThan(20);
      expect(statements.filter((sql) => !sql.startsWith(`/*${COMMENT}*/ `))).toEqual([]);

      const inTransaction = await t.statements.during(() =>
        t.dataSource.transaction(async (manager) => {
          const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(user, { manager });
          expect(await t.tokens.verifyToken(accessToken, undefined, { manager })).not.toBeNull();
          expect(await t.tokens.refreshToken(refreshToken!, { manager })).not.toBeNull();
          await manager.getRepository(User).find();
        }),
      );
      const [others, ours] = [false, true].map((is) =>
        inTransaction.filter((sql) => sql.startsWith(`/*${COMMENT}*/ `) === is),
      );
      expect(ours!.length).toBeGreaterThan(4);
      expect(others!.filter((sql) => /auth_tokens/.test(sql))).toEqual([]);
      expect(others!.filter((sql) => /users/.test(sql))).toHaveLength(1);
    },
  );

  it.runIf(DATABASE === 'sqljs')('SQLite, which is behind none, is spared it', async () => {
    const { t, user } = await start('heard', { options: { sqlComment: COMMENT } });
    await walk(t, user);
  });
});
