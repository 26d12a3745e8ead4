import { Injectable, type Type } from '@nestjs/common';
import { AbstractAuthToken, TokenOwner } from 'nestjs-authentify';
import {
  AfterInsert,
  AfterUpdate,
  BeforeInsert,
  BeforeUpdate,
  Column,
  DataSource,
  Entity,
  type EntitySubscriberInterface,
  UpdateDateColumn,
  VersionColumn,
} from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../support/app.js';
import { User } from '../../support/users.js';

@Entity('auth_tokens')
class Session extends AbstractAuthToken<User> {
  @TokenOwner(() => User) user!: User;
}

/** Notes what TypeORM tells of one entity. */
class Listener implements EntitySubscriberInterface {
  readonly heard: string[] = [];

  constructor(private readonly target: Type<unknown>) {}

  listenTo(): Type<unknown> {
    return this.target;
  }
  beforeInsert(): void {
    this.heard.push('beforeInsert');
  }
  afterInsert(): void {
    this.heard.push('afterInsert');
  }
  beforeUpdate(): void {
    this.heard.push('beforeUpdate');
  }
  afterUpdate(): void {
    this.heard.push('afterUpdate');
  }
}

class LoadListener implements EntitySubscriberInterface {
  readonly heard: unknown[] = [];

  constructor(private readonly target: Type<unknown>) {}

  listenTo(): Type<unknown> {
    return this.target;
  }
  afterLoad(entity: unknown): void {
    this.heard.push(entity);
  }
}

let t: TestApp;
afterEach(() => t.close());

async function start(setup: object = {}): Promise<TestApp> {
  t = (await startApp({ tokenEntity: Session, ...setup } as object)) as TestApp;
  return t;
}

/** Whether that work read sessions by compiled statements: they name columns by number. */
async function isCompiled(work: () => Promise<unknown>): Promise<boolean> {
  const [sql = ''] = await t.statements.during(work);
  return / AS .c\d*\W/.test(sql);
}

describe('who listens to writes of sessions is told, as by TypeORM’s own insert and update', () => {
  const TOLD = {
    login: ['beforeInsert', 'afterInsert'],
    refresh: ['beforeUpdate', 'afterUpdate'],
  };

  it('a subscriber, also one that comes after boot and goes again', async () => {
    await start();
    const user = await t.createUser();
    const first = await t.tokens.generateHeaderToken(user);
    const second = await t.tokens.refreshToken(first.refreshToken!);

    const listener = new Listener(Session);
    t.dataSource.subscribers.push(listener);
    const third = await t.tokens.refreshToken(second!.refreshToken!);
    expect(listener.heard.splice(0)).toEqual(TOLD.refresh);
    expect(third!.token.rotatedAt).toBeInstanceOf(Date);
    await t.tokens.generateHeaderToken(user);
    expect(listener.heard.splice(0)).toEqual(TOLD.login);

    // Replays and retries are told apart as ever.
    expect((await t.tokens.refreshToken(second!.refreshToken!))?.accessToken).toBe(third!.accessToken);
    t.dataSource.subscribers.splice(0);
    expect(await t.tokens.refreshToken(third!.refreshToken!)).not.toBeNull();
    expect(listener.heard).toEqual([]);
  });

  it('a provider of Nest’s that adds itself, and one that listens to a parent class', async () => {
    @Injectable()
    class Audit extends Listener {
      constructor(dataSource: DataSource) {
        super(AbstractAuthToken as Type<unknown>);
        dataSource.subscribers.push(this);
      }
    }
    await start({ providers: [Audit] });
    const { refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
    await t.tokens.refreshToken(refreshToken!);
    expect(t.app.get(Audit).heard).toEqual([...TOLD.login, ...TOLD.refresh]);
  });

  it('within a transaction of the app, on its connection', async () => {
    await start();
    const listener = new Listener(Session);
    t.dataSource.subscribers.push(listener);
    const user = await t.createUser();
    await t.dataSource.transaction(async (manager) => {
      const { refreshToken } = await t.tokens.generateHeaderToken(user, { manager });
      expect(await t.tokens.refreshToken(refreshToken!, { manager })).not.toBeNull();
    });
    expect(listener.heard).toEqual([...TOLD.login, ...TOLD.refresh]);
  });

  it('the entity itself, whose changes are written, and nothing else', async () => {
    const heard: string[] = [];
    @Entity('auth_tokens')
    class Noted extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
      // A value of the class that an update must not write over that of the row.
      @Column({ type: 'int' }) trust = 1;
      @Column({ type: 'varchar', nullable: true }) note!: string | null;
      @BeforeInsert() onInsert(): void {
        heard.push('beforeInsert');
        this.note = 'new';
      }
      @AfterInsert() inserted(): void {
        heard.push('afterInsert');
      }
      @BeforeUpdate() onUpdate(): void {
        heard.push('beforeUpdate');
        this.note = 'changed';
      }
      @AfterUpdate() updated(): void {
        heard.push('afterUpdate');
      }
    }
    await start({ tokenEntity: Noted });
    const { refreshToken, token } = await t.tokens.generateHeaderToken(await t.createUser());
    expect(heard.splice(0)).toEqual(TOLD.login);
    expect(token).toMatchObject({ note: 'new', trust: 1 });
    await t.dataSource.query(`UPDATE ${t.dataSource.getMetadata(Noted).tablePath} SET trust = 7`);
    const refreshed = await t.tokens.refreshToken(refreshToken!);
    expect(heard.splice(0)).toEqual(TOLD.refresh);
    expect(await t.tokens.verifyToken(refreshed!.accessToken)).toMatchObject({ note: 'changed', trust: 7 });
  });

  it('but not of the writes of other entities, which cost sessions nothing', async () => {
    const listener = new Listener(User);
    await start();
    t.dataSource.subscribers.push(listener, new LoadListener(Other));
    const { accessToken, refreshToken } = await t.tokens.generateHeaderToken(await t.createUser());
    await t.tokens.refreshToken(refreshToken!);
    expect(listener.heard).toEqual(TOLD.login);
    expect(await isCompiled(() => t.tokens.verifyToken(accessToken))).toBe(true);
  });
});

describe('a subscriber that comes after boot', () => {
  it('sees what is loaded, from then on until it goes, and the log says so once', async () => {
    const lines: string[] = [];
    const log = (message: unknown): void => {
      if (String(message).includes('through TypeORM')) lines.push(String(message));
    };
    await start({ logger: { log, warn: log, error: log } });
    const user = await t.createUser();
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    const verify = () => t.tokens.verifyToken(accessToken);
    expect(await isCompiled(verify)).toBe(true);
    expect(lines).toEqual([]);

    for (const listener of [new LoadListener(User), new LoadListener(Session)]) {
      t.dataSource.subscribers.push(listener);
      expect(await isCompiled(verify)).toBe(false);
      expect(listener.heard).toEqual([expect.any(listener.listenTo())]);
      t.dataSource.subscribers.splice(0);
      expect(await isCompiled(verify)).toBe(true);
    }
    expect(lines).toEqual([expect.stringMatching(/^Sessions are read through TypeORM.* a subscriber has afterLoad/)]);
  });

  it('sees queries, those that were prepared before, too', async () => {
    await start();
    const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
    await t.tokens.verifyToken(accessToken);
    const queries: string[] = [];
    t.dataSource.subscribers.push({ afterQuery: ({ query }: { query: string }) => void queries.push(query) });
    await t.tokens.verifyToken(accessToken);
    expect(queries).toEqual([expect.stringMatching(/^SELECT .* AS .c0\W/)]);
  });

  it('is not taken for one where it is the library’s own, which waits for the end of transactions', async () => {
    await start();
    const user = await t.createUser();
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    const over = await t.tokens.generateHeaderToken(user);
    await t.dataSource.transaction(async (manager) => {
      const { refreshToken } = await t.tokens.generateHeaderToken(user, { manager });
      const next = await t.tokens.refreshToken(refreshToken!, { manager });
      const last = await t.tokens.refreshToken(next!.refreshToken!, { manager });
      expect(last).not.toBeNull();
      expect(await t.tokens.refreshToken(refreshToken!, { manager })).toBeNull();
      await t.tokens.revokeToken(over.token, { manager });
    });
    expect(t.dataSource.subscribers).toHaveLength(1);
    expect(await isCompiled(() => t.tokens.verifyToken(accessToken))).toBe(true);
    expect((await t.tokens.verifyToken(accessToken))?.id).toBe(token.id);
  });
});

describe('columns that TypeORM moves with each update', () => {
  it('move with a rotation', async () => {
    @Entity('auth_tokens')
    class Versioned extends AbstractAuthToken<User> {
      @TokenOwner(() => User) user!: User;
      @VersionColumn() version!: number;
      @UpdateDateColumn() changedAt!: Date;
    }
    const app = await start({ tokenEntity: Versioned });
    const { refreshToken, token } = await t.tokens.generateHeaderToken(await app.createUser());
    const rows = t.dataSource.getRepository(Versioned);
    await rows.update(token.id, { changedAt: new Date(0) });
    const refreshed = await t.tokens.refreshToken(refreshToken!);
    const { version, changedAt } = (await t.tokens.verifyToken(refreshed!.accessToken)) as unknown as Versioned;
    expect(version).toBe(3);
    expect(changedAt.getTime()).toBeGreaterThan(0);
  });
});

class Other {}
